//! How much one client may ask for by minute: token buckets, one for each client and class.
//!
//! A bucket holds a minute's worth and fills evenly. What is left of it stands in the answer, as
//! `draft-ietf-httpapi-ratelimit-headers` has it: `r` requests are left, and the bucket is full again in `t` seconds.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use feed_me_domain::Caller;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use parking_lot::Mutex;
use twox_hash::XxHash3_128;

use crate::{
    problem::{self, Failure},
    settings::LimitSettings,
};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What reads.
    Read,
    /// What writes.
    Write,
    /// What is much work.
    Heavy,
    /// Bad credentials, by address.
    BadCredential,
}

impl Class {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Heavy, Self::BadCredential];

    /// As headers and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Heavy => "heavy",
            Self::BadCredential => "bad_credential",
        }
    }
}

/// Whose bucket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// An application, by its key.
    Application(u128),
    /// A user, by a token.
    User(u128),
    /// An address; of an IPv6 one the network, as one customer has all of that.
    Address(u128),
    /// One of those who share a bucket because there are too many.
    Crowd(u16),
}

impl Client {
    /// Who sent a request: the caller, or else whoever has the address.
    pub fn of(caller: &Caller, address: Option<IpAddr>) -> Self {
        match caller {
            Caller::Application { id, .. } => Self::Application(id.as_uuid().as_u128()),
            Caller::User { id, .. } => Self::User(id.as_uuid().as_u128()),
            Caller::Anyone => Self::Address(address.map_or(0, network)),
        }
    }

    fn crowded(self) -> Self {
        match self {
            Self::Address(address) => {
                let [low, high, ..] = XxHash3_128::oneshot(&address.to_be_bytes()).to_le_bytes();
                Self::Crowd(u16::from_le_bytes([low, high]) % CROWD)
            }
            known => known,
        }
    }
}

fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6) >> 64 << 64,
    }
}

/// From so many buckets on addresses share some: memory has an end.
const BUCKETS_MAX: usize = 100_000;
/// How many they share.
const CROWD: u16 = 1024;

/// The limits of a server.
pub struct Limits<C: Clock + Clone = MonotonicClock> {
    classes: [Buckets<C>; Class::ALL.len()],
    is_crowded: AtomicBool,
    /// Addresses of too many bad credentials, and until when none of theirs is looked at.
    shut_out: Mutex<HashMap<Client, Instant>>,
}

impl Limits {
    /// As the settings want it; none where nothing is counted.
    pub fn new(settings: &LimitSettings) -> Option<Self> {
        settings.enabled.then(|| Self::with_clock(settings, &MonotonicClock))
    }
}

impl<C: Clock + Clone> Limits<C> {
    fn with_clock(settings: &LimitSettings, clock: &C) -> Self {
        let by_minute = |class| match class {
            Class::Read => settings.read_per_minute,
            Class::Write => settings.write_per_minute,
            Class::Heavy => settings.heavy_per_minute,
            Class::BadCredential => settings.bad_credentials_per_minute,
        };
        let classes = Class::ALL.map(|class| Buckets::new(class, by_minute(class), clock.clone()));
        Self { classes, is_crowded: AtomicBool::new(false), shut_out: Mutex::default() }
    }

    /// Counts a request.
    pub fn count(&self, class: Class, client: Client) -> Counted {
        let is_crowded = self.is_crowded.load(Ordering::Relaxed);
        self.classes[class as usize].take(if is_crowded { client.crowded() } else { client })
    }

    /// Counts a bad credential of an address. Where there were too many, no credential of it that is unknown is looked at
    /// until there is room again.
    pub fn count_bad_credential(&self, address: Client) {
        let counted = self.count(Class::BadCredential, address);
        if let Some(wait) = counted.wait {
            let mut shut_out = self.shut_out.lock();
            if shut_out.len() < BUCKETS_MAX {
                shut_out.insert(address, Instant::now() + wait);
            }
        }
    }

    /// What to answer to an unknown credential of an address; nothing where it may be looked at.
    pub fn refusal_of_unknown(&self, address: Client) -> Option<Failure> {
        let until = self.shut_out.lock().get(&address).copied()?;
        let wait = until.checked_duration_since(Instant::now())?;
        let detail = "too many bad credentials came from this address; it is looked at again in a while";
        Some(Failure {
            retry_after_s: Some(in_whole_seconds(wait)),
            ..Failure::new(problem::TOO_MANY_REQUESTS, detail)
        })
    }

    /// Forgets the buckets that are full again: they are like new ones.
    pub fn sweep(&self) {
        for buckets in &self.classes {
            buckets.limiter.retain_recent();
            buckets.limiter.shrink_to_fit();
        }
        let now = Instant::now();
        self.shut_out.lock().retain(|_, until| now < *until);
        self.is_crowded.store(BUCKETS_MAX <= self.kept(), Ordering::Relaxed);
    }

    fn kept(&self) -> usize {
        self.classes.iter().map(|buckets| buckets.limiter.len()).sum()
    }
}

/// The buckets of a class.
struct Buckets<C: Clock + Clone> {
    class: Class,
    quota: NonZeroU32,
    policy: HeaderValue,
    clock: C,
    limiter: RateLimiter<Client, DashMapStateStore<Client>, C, StateInformationMiddleware>,
}

impl<C: Clock + Clone> Buckets<C> {
    fn new(class: Class, by_minute: u32, clock: C) -> Self {
        let quota = NonZeroU32::new(by_minute).unwrap_or(NonZeroU32::MIN);
        let policy = format!("\"{}\";q={quota};w=60", class.name());
        let limiter = RateLimiter::dashmap_with_clock(Quota::per_minute(quota), clock.clone());
        Self {
            class,
            quota,
            // A word and numbers are always a value of a header.
            policy: HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("")),
            clock,
            limiter: limiter.with_middleware(),
        }
    }

    fn take(&self, client: Client) -> Counted {
        let (left, wait) = match self.limiter.check_key(&client) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(not_until) => (0, Some(not_until.wait_time_from(self.clock.now()))),
        };
        let taken = u64::from(self.quota.get().saturating_sub(left));
        let full_in_s = (taken * 60).div_ceil(u64::from(self.quota.get()));
        let rest = format!("\"{}\";r={left};t={full_in_s}", self.class.name());
        Counted { class: self.class, policy: self.policy.clone(), rest, wait }
    }
}

/// A request that was counted.
pub struct Counted {
    class: Class,
    policy: HeaderValue,
    rest: String,
    /// How long until there is a token, where there is none.
    wait: Option<Duration>,
}

impl Counted {
    /// What to answer where the limit is spent.
    pub fn refusal(&self) -> Option<Failure> {
        let wait = self.wait?;
        let retry_after_s = in_whole_seconds(wait);
        let class = self.class.name();
        let detail =
            format!("the limit of '{class}' requests is spent; there is room again in {retry_after_s} s");
        Some(Failure {
            retry_after_s: Some(retry_after_s),
            ..Failure::new(problem::TOO_MANY_REQUESTS, detail)
        })
    }

    /// The class that it counted for.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Tells the client where it stands.
    pub fn tell(&self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy.clone());
        if let Ok(rest) = HeaderValue::from_str(&self.rest) {
            headers.insert(LIMIT, rest);
        }
    }
}

fn in_whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs() + u64::from(0 < wait.subsec_nanos());
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use governor::clock::FakeRelativeClock;

    use super::*;

    const SETTINGS: LimitSettings = LimitSettings {
        enabled: true,
        read_per_minute: 6,
        write_per_minute: 2,
        heavy_per_minute: 1,
        bad_credentials_per_minute: 3,
    };

    fn limits() -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Limits::with_clock(&SETTINGS, &clock), clock)
    }

    fn who(number: u8) -> Client {
        Client::of(&Caller::Anyone, Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, number))))
    }

    fn told(counted: &Counted) -> (String, Option<u32>) {
        (counted.rest.clone(), counted.refusal().and_then(|failure| failure.retry_after_s))
    }

    #[test]
    fn a_bucket_is_spent_and_fills_evenly() {
        let (limits, clock) = limits();
        let count = || told(&limits.count(Class::Read, who(1)));
        assert_eq!(count(), ("\"read\";r=5;t=10".to_owned(), None));
        for left in (0..5).rev() {
            assert_eq!(count().0, format!("\"read\";r={left};t={}", (6 - left) * 10));
        }
        assert_eq!(count(), ("\"read\";r=0;t=60".to_owned(), Some(10)));
        clock.advance(Duration::from_millis(9500));
        assert_eq!(count().1, Some(1));
        clock.advance(Duration::from_millis(500));
        assert_eq!(count(), ("\"read\";r=0;t=60".to_owned(), None));
        clock.advance(Duration::from_mins(2));
        assert_eq!(count(), ("\"read\";r=5;t=10".to_owned(), None));
    }

    #[test]
    fn clients_and_classes_do_not_share() {
        let (limits, _) = limits();
        let is_spent = |class, client| limits.count(class, client).refusal().is_some();
        assert!(!is_spent(Class::Heavy, who(1)));
        assert!(is_spent(Class::Heavy, who(1)));
        assert!(!is_spent(Class::Heavy, who(2)));
        assert!(!is_spent(Class::Write, who(1)));
        assert!(!is_spent(Class::Read, who(1)));
    }

    #[test]
    fn an_address_of_too_many_bad_credentials_is_shut_out_alone() {
        let (limits, _) = limits();
        for _ in 0..3 {
            limits.count_bad_credential(who(1));
            assert!(limits.refusal_of_unknown(who(1)).is_none());
        }
        limits.count_bad_credential(who(1));
        let refusal = limits.refusal_of_unknown(who(1)).unwrap();
        assert_eq!((refusal.status().as_u16(), refusal.retry_after_s), (429, Some(20)));
        assert!(limits.refusal_of_unknown(who(2)).is_none());
        assert!(limits.count(Class::Read, who(1)).refusal().is_none());
        limits.sweep();
        assert!(limits.refusal_of_unknown(who(1)).is_some());
    }

    #[test]
    fn the_policy_is_told_as_the_draft_has_it() {
        let (limits, _) = limits();
        let mut headers = HeaderMap::new();
        limits.count(Class::Write, who(1)).tell(&mut headers);
        assert_eq!(headers.get(POLICY).unwrap(), "\"write\";q=2;w=60");
        assert_eq!(headers.get(LIMIT).unwrap(), "\"write\";r=1;t=30");
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten() {
        let (limits, clock) = limits();
        for number in 0..200 {
            let _ = limits.count(Class::Read, who(number));
        }
        limits.sweep();
        assert_eq!(limits.kept(), 200);
        clock.advance(Duration::from_mins(1));
        limits.sweep();
        assert_eq!(limits.kept(), 0);
    }

    #[test]
    fn a_crowd_of_addresses_takes_no_more_memory_and_keys_keep_their_own() {
        let (limits, _) = limits();
        for number in 0..u32::try_from(BUCKETS_MAX).unwrap() {
            let address = IpAddr::V4(Ipv4Addr::from_bits(number));
            let _ = limits.count(Class::Read, Client::of(&Caller::Anyone, Some(address)));
        }
        limits.sweep();
        for number in 0..50_000 {
            let address = IpAddr::V4(Ipv4Addr::from_bits(u32::MAX - number));
            let _ = limits.count(Class::Read, Client::of(&Caller::Anyone, Some(address)));
        }
        assert!(limits.kept() <= BUCKETS_MAX + usize::from(CROWD), "{}", limits.kept());
        assert_eq!(told(&limits.count(Class::Read, Client::Application(7))).0, "\"read\";r=5;t=10");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_a_mapped_address_is_the_address() {
        let of = |address: &str| Client::of(&Caller::Anyone, Some(address.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_ne!(network(IpAddr::V6(Ipv6Addr::LOCALHOST)), network(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
