//! What users, verbs and objects are called: as in the real data of `tests/data`.

/// Verbs, the most frequent first, with the share that each has in a thousand.
pub(super) const VERBS: [(&str, u64); 16] = [
    ("update", 240),
    ("merge", 200),
    ("add", 110),
    ("fix", 100),
    ("commit", 80),
    ("remove", 50),
    ("bump", 45),
    ("use", 30),
    ("upgrade", 30),
    ("version", 25),
    ("tidy", 20),
    ("refactor", 20),
    ("move", 15),
    ("revert", 15),
    ("changeset", 10),
    ("implement", 10),
];

/// What objects belong to.
pub(super) const PROJECTS: [&str; 12] = [
    "crates.io",
    "atproto",
    "lemmy",
    "gotosocial",
    "lego",
    "stream-js",
    "stream-framework",
    "django-activity-stream",
    "public_activity",
    "activity_notification",
    "strfry",
    "roshi",
];

/// The name of a user: 14 characters that look like a digest and differ for every number, because a product with an odd
/// factor can be undone in a ring of 2^40.
pub fn username(user: u32) -> String {
    const FACTOR: u64 = 0x9E_3779_B97F;
    let mixed = (u64::from(user) + 1).wrapping_mul(FACTOR) & 0xFF_FFFF_FFFF;
    format!("dev-{mixed:010x}")
}
