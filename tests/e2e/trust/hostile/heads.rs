use super::{Attack, harmless, refused, request, victim, withstands};

#[tokio::test]
async fn heads_that_are_too_much_or_no_heads_are_refused() {
    let world = victim().await;
    withstands(&world, floods()).await;
    withstands(&world, odd_lines()).await;
    withstands(&world, odd_headers()).await;
    withstands(&world, odd_paths()).await;
}

fn floods() -> Vec<Attack> {
    let many =
        (0..20_000).map(|number| format!("X-Flood-{number}: {number}\r\n")).collect::<Vec<_>>().concat();
    let same = "X-Same: 1\r\n".repeat(20_000);
    let get = "GET /v1/users/ivan HTTP/1.1\r\nHost: localhost\r\n";
    let long = "x".repeat(2_000_000);
    vec![
        refused("twenty thousand headers", format!("{get}{many}\r\n")),
        refused("twenty thousand equal headers", format!("{get}{same}\r\n")),
        refused("a header of two megabytes", format!("{get}X-Long: {long}\r\n\r\n")),
        refused("a header's name of two megabytes", format!("{get}{long}: x\r\n\r\n")),
        refused("a head that never ends", format!("{get}{many}")),
        refused(
            "a path of two megabytes",
            format!("GET /v1/users/{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ),
        refused("a method of two megabytes", format!("{long} / HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        refused("two megabytes without a line", long.clone()),
        refused("two megabytes of empty lines", "\r\n".repeat(1_000_000)),
        harmless("a hundred headers", format!("{get}{}\r\n", "X-Same: 1\r\n".repeat(90))),
    ]
}

fn odd_lines() -> Vec<Attack> {
    let line = |line: &str| format!("{line}\r\nHost: localhost\r\n\r\n");
    vec![
        refused("no version", line("GET /v1/users")),
        refused("an unknown version", line("GET /v1/users HTTP/9.9")),
        refused("a version in small letters", line("GET /v1/users http/1.1")),
        refused("nothing but a method", line("GET")),
        refused("a method with a space before it", line(" GET /v1/users HTTP/1.1")),
        refused("a method with odd characters", line("G{}T /v1/users HTTP/1.1")),
        refused("an unknown method", line("BREW /v1/users HTTP/1.1")),
        refused("TRACE", line("TRACE /v1/users HTTP/1.1")),
        refused("CONNECT", line("CONNECT localhost:22 HTTP/1.1")),
        refused("a path without a slash", line("GET v1/users HTTP/1.1")),
        harmless("an asterisk", line("OPTIONS * HTTP/1.1")),
        harmless("an absolute form", line("GET http://user:pass@other/v1/users HTTP/1.1")),
        refused(
            "bytes of TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x01\x02\x03\x04\x05".to_vec(),
        ),
        refused("bytes of nothing", vec![0; 4096]),
        refused("bytes above ASCII", vec![0xff; 4096]),
        harmless(
            "the preface of HTTP/2 and rubbish",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrubbish rubbish rubbish".to_vec(),
        ),
        harmless("the preface of HTTP/2 and huge frames", {
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            bytes.extend([0xff, 0xff, 0xff, 0x01, 0x04, 0x7f, 0xff, 0xff, 0xff].repeat(1000));
            bytes
        }),
    ]
}

fn odd_headers() -> Vec<Attack> {
    let with = |header: &str| format!("GET /v1/users/ivan HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n");
    vec![
        refused("a header without a colon", with("X-Nothing")),
        refused("a header without a name", with(": x")),
        refused("white space before the colon", with("X-Space : x")),
        refused("a folded header", with("X-Folded: a\r\n b")),
        refused("NUL in a header", with("X-Nul: a\0b")),
        refused("a bare carriage return", with("X-Return: a\rb")),
        harmless("bytes above ASCII in a header", with("X-Request-Id: \u{e9}\u{1f600}")),
        harmless("a request id with odd characters", with("X-Request-Id: <script>\"';--")),
        harmless("no host", "GET /v1/users/ivan HTTP/1.1\r\n\r\n"),
        harmless("two hosts", with("Host: other")),
        harmless("an odd host", "GET /feed/ivan HTTP/1.1\r\nHost: a b/../\"<>\r\n\r\n"),
        harmless("a forwarded host", with("X-Forwarded-Host: evil\"><script>")),
        harmless("an odd Accept", with("Accept: ;;;,,,/,*,q=,\"")),
        harmless("a long Accept", with(&format!("Accept: {}", "a/b;q=0.1,".repeat(3000)))),
        harmless("odd encodings", with("Accept-Encoding: gzip;q=NaN, *;q=-1, zstd;q=99999999999999999999")),
        harmless("an odd If-None-Match", with("If-None-Match: \"a, W/, \"\"\", *")),
        harmless("an expectation", with("Expect: 200-maybe")),
        harmless("an upgrade", with("Connection: Upgrade\r\nUpgrade: websocket")),
        harmless(
            "an upgrade to h2c",
            with(
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
            ),
        ),
        harmless("a range", with("Range: bytes=9999999999999999999-0,-1,-1")),
        harmless("an odd traceparent", with("traceparent: 00-zzzz-00000000-ff\r\ntracestate: ===")),
        harmless(
            "an odd key",
            "POST /v1/activities HTTP/1.1\r\nHost: l\r\nIdempotency-Key: \u{fffd}\u{202e}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        ),
    ]
}

fn odd_paths() -> Vec<Attack> {
    let paths = [
        "/v1/users/%00",
        "/v1/users/%",
        "/v1/users/%zz",
        "/v1/users/%e0%80",
        "/v1/users/%ff%fe",
        "/v1/users/..",
        "/v1/users/%2e%2e",
        "/v1/users/%2f",
        "/v1/users/a%2fb",
        "/v1//users",
        "/v1/users/ivan/",
        "//v1/users",
        "/../../etc/passwd",
        "/v1/users/%0d%0aX-Injected:1",
        "/v1/activities/not-an-id",
        "/v1/activities/%00",
        "/v1/feeds/%F0%9F%98%80%F0",
        "/docs/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/%2e%2e/%2e%2e/secret",
    ];
    let mut attacks: Vec<_> = paths
        .iter()
        .flat_map(|path| {
            ["GET", "PUT", "DELETE"]
                .map(|method| harmless("an odd path", request(&format!("{method} {path}"), &[], b"")))
        })
        .collect();
    let queries = [
        "?",
        "?&&&&",
        "?limit",
        "?limit=",
        "?limit=%00",
        "?limit=1&limit=2",
        "?limit=99999999999999999999",
        "?limit=-1",
        "?limit=1e1",
        "?cursor=%ff",
        "?cursor=%00",
        "?verb=%ff",
        "?verb=%00",
        "?verb=a&verb=",
        "?%ff=1",
        "?limit=1;drop table",
        "?include_self=maybe",
        "?cursor=AAAA",
        "?limit=%zz",
    ];
    attacks.extend(queries.iter().flat_map(|query| {
        ["/v1/feeds/ivan/friends", "/v1/users", "/v1/users/ivan/following"]
            .map(|path| harmless("an odd query", request(&format!("GET {path}{query}"), &[], b"")))
    }));
    let many = format!("/v1/feeds/ivan/friends?{}", "verb=a&".repeat(4000));
    attacks.push(harmless("thousands of verbs", request(&format!("GET {many}"), &[], b"")));
    let with = format!("/v1/users/ivan/relationships?{}", "with=a&".repeat(4000));
    attacks.push(harmless("thousands of names", request(&format!("GET {with}"), &[], b"")));
    for page in ["0", "-1", "2147483648", "99999999999999999999", "1.5", "", "%00", "2147483647"] {
        attacks.push(harmless("an odd page", request(&format!("GET /feed/ivan?page={page}"), &[], b"")));
    }
    attacks
}
