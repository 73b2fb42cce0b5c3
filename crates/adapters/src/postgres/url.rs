//! The address of the database: defaults for what it leaves open, and keeping its password out of messages.

use feed_me_domain::StoreError;

/// Parameters that an address gets where it does not have them: a server that does not answer must be noticed, both
/// while connecting (seconds) and later (milliseconds).
const DEFAULTS: [(&str, &str); 3] =
    [("connect_timeout", "3"), ("tcp_user_timeout", "15000"), ("application_name", "feed-me")];

/// Of several servers in one address, the one that takes writes: a standby may be among them, and may become it.
const OF_SEVERAL: (&str, &str) = ("target_session_attrs", "read-write");

/// The address with the defaults filled in.
pub(super) fn with_defaults(url: &str) -> Result<String, StoreError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(StoreError::Failed(
            "the address of the database does not begin with postgres://".to_owned(),
        ));
    }
    let mut out = url.to_owned();
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let of_several = names_several(url).then_some(OF_SEVERAL);
    for (name, value) in DEFAULTS.into_iter().chain(of_several) {
        if parameters.split('&').any(|parameter| parameter.split('=').next() == Some(name)) {
            continue;
        }
        out.push(if out.contains('?') { '&' } else { '?' });
        out.extend([name, "=", value]);
    }
    Ok(out)
}

/// Whether an address names several servers, as libpq takes them: `postgres://one:5432,other:5432/database`.
fn names_several(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let hosts =
        place.rsplit_once('@').map_or(place, |(_, place)| place).split('/').next().unwrap_or_default();
    let named = parameters.split('&').find_map(|parameter| parameter.strip_prefix("host="));
    [Some(hosts), named].into_iter().flatten().any(|hosts| hosts.contains(','))
}

/// `message` without what is secret in `url`: libpq repeats parts of an address that it cannot read.
pub(super) fn scrubbed(message: &str, url: &str) -> String {
    let mut out = message.trim().replace(url, "…");
    for secret in secrets(url) {
        if !secret.is_empty() {
            out = out.replace(secret, "…");
        }
    }
    out
}

fn secrets(url: &str) -> impl Iterator<Item = &str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    // A password that is not percent-encoded may contain an '@' or a '/' itself, so the last '@' counts.
    let password =
        rest.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters).split('&');
    let named = parameters.filter_map(|parameter| parameter.split_once('='));
    password.into_iter().chain(named.filter(|(name, _)| name.contains("password")).map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_address_leaves_open_is_filled_in_and_what_it_says_stays() {
        let url = with_defaults("postgres://h/d?connect_timeout=9").unwrap();
        assert_eq!(url, "postgres://h/d?connect_timeout=9&tcp_user_timeout=15000&application_name=feed-me");
        assert!(with_defaults("postgres://h/d").unwrap().starts_with("postgres://h/d?connect_timeout=3&"));
        assert!(with_defaults("mysql://h/d").is_err());
    }

    #[test]
    fn of_several_servers_the_one_that_takes_writes_is_meant() {
        for several in ["postgres://u:p@a:1,b:2/d", "postgres:///d?host=a,b", "postgres://a,b"] {
            assert!(
                with_defaults(several).unwrap().ends_with("&target_session_attrs=read-write"),
                "{several}"
            );
        }
        for other in ["postgres://u:p,q@a/d", "postgres://a/d?application_name=a,b"] {
            assert!(!with_defaults(other).unwrap().contains("target_session_attrs"), "{other}");
        }
        let asked = with_defaults("postgres://a,b/d?target_session_attrs=primary").unwrap();
        assert_eq!(asked.matches("target_session_attrs").count(), 1);
    }

    #[test]
    fn no_message_tells_a_password() {
        for (message, url) in [
            ("bad port in postgres://u:s3cret@h:x/d", "postgres://u:s3cret@h:x/d"),
            ("invalid port number: \"s3c/ret@h\"", "postgres://u:s3c/ret@h/d"),
            ("no such parameter near s3cret", "postgres://h/d?password=s3cret&q"),
        ] {
            assert!(!scrubbed(message, url).contains("s3c"), "{}", scrubbed(message, url));
        }
    }
}
