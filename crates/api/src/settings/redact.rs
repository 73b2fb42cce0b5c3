//! Values as they may be shown.

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// The URL of a database without the passwords in it. What does not look like a URL and may hold one is hidden whole.
pub fn redacted_url(raw: &str) -> String {
    let Some((scheme, rest)) = raw.split_once("://") else {
        let suspicious = raw.contains('@') || raw.to_ascii_lowercase().contains("pass");
        return if suspicious { HIDDEN.to_owned() } else { raw.to_owned() };
    };
    // A password may itself hold any of `/?@` when somebody forgot to escape it, so the last `@` counts.
    let (user, place) = match rest.rsplit_once('@') {
        None => (String::new(), rest),
        Some((login, place)) => match login.split_once(':') {
            None => (format!("{login}@"), place),
            Some((user, _)) => (format!("{user}:{HIDDEN}@"), place),
        },
    };
    let place = match place.split_once('?') {
        None => place.to_owned(),
        Some((path, query)) => format!("{path}?{}", redacted_query(query)),
    };
    format!("{scheme}://{user}{place}")
}

/// The same for URLs that are separated by commas. A password may hold a comma, so a URL begins where a scheme does; what
/// comes before the first is shown as [`redacted_url`] does.
pub(super) fn redacted_urls(raw: &str) -> String {
    let mut urls: Vec<String> = Vec::new();
    for part in raw.split(',') {
        match urls.last_mut() {
            Some(last) if !part.contains("://") => {
                last.push(',');
                last.push_str(part);
            }
            _ => urls.push(part.to_owned()),
        }
    }
    urls.iter().map(|url| redacted_url(url)).collect::<Vec<_>>().join(",")
}

fn redacted_query(query: &str) -> String {
    let redacted = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    });
    redacted.collect::<Vec<_>>().join("&")
}

/// A secret as it may be shown: only whether there is one.
pub(super) fn redacted_secret(raw: &str) -> String {
    if raw.is_empty() { "\"\"".to_owned() } else { HIDDEN.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (raw, shown) in [
            ("postgres://ivan:geheim@db:5432/feed", "postgres://ivan:***@db:5432/feed"),
            ("postgres://ivan:ge@he/i?m@db/feed", "postgres://ivan:***@db/feed"),
            ("postgres://db/feed?user=ivan&password=geheim", "postgres://db/feed?user=ivan&password=***"),
            ("postgres://db/feed?sslpassword=geheim&a=b", "postgres://db/feed?sslpassword=***&a=b"),
            ("mysql://ivan:geheim@db", "mysql://ivan:***@db"),
            ("ivan:geheim@db", "***"),
            ("host=db password=geheim", "***"),
            ("postgres:ivan:geheim@db", "***"),
        ] {
            assert_eq!(redacted_url(raw), shown);
        }
    }

    #[test]
    fn no_password_of_a_list_is_shown() {
        let raw = "postgres://a:gehei,m@one/d?x=1, postgres://b:geheim@two/d";
        assert_eq!(redacted_urls(raw), "postgres://a:***@one/d?x=1, postgres://b:***@two/d");
        assert_eq!(redacted_urls(""), "");
        assert_eq!(redacted_urls("geheim@one,postgres://b:geheim@two/d"), "***,postgres://b:***@two/d");
    }

    #[test]
    fn what_holds_no_secret_is_shown_whole() {
        for raw in
            ["sqlite://data/feed-me.db", "postgres://ivan@db/feed?sslmode=disable", "data/feed-me.db", ""]
        {
            assert_eq!(redacted_url(raw), raw);
        }
    }
}
