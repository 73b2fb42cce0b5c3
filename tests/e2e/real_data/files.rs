use std::{
    collections::{BTreeSet, HashMap},
    hash::{BuildHasher, RandomState},
    io::Read,
    sync::OnceLock,
};

use feed_me_domain::{Timestamp, id::imported_id};
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub(super) const ACTIVITIES: usize = 109_327;
pub(super) const FOLLOWS: usize = 8_136;

pub(super) fn path_of(name: &str) -> String {
    format!("{}/../../tests/data/{name}.ndjson.gz", env!("CARGO_MANIFEST_DIR"))
}

/// From the environment, or a new one.
pub(super) fn seed() -> u64 {
    match std::env::var("FEEDME_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().hash_one(0) >> 20,
    }
}

/// A line of the activities.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) actor: String,
    verb: String,
    object: Option<String>,
    pub(super) target: Option<String>,
    published: String,
}

#[derive(Deserialize)]
struct FollowLine {
    follower: String,
    followee: String,
}

/// An ACTIVITY as a server answers it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    id: String,
    actor: String,
    verb: String,
    object: Option<String>,
    target: Option<String>,
    published: String,
    edited_at: Option<String>,
    external_id: Option<String>,
    data: serde_json::Map<String, serde_json::Value>,
}

/// What the files say, and what follows from it: no store, no index, no page.
pub(super) struct Files {
    pub(super) lines: Vec<Line>,
    ids: Vec<String>,
    pub(super) names: Vec<String>,
    pub(super) following: HashMap<String, Vec<String>>,
    by_id: HashMap<String, usize>,
    /// What the first server answered for each activity, to the byte.
    answered: Vec<OnceLock<Box<str>>>,
}

fn unpacked(name: &str) -> String {
    let packed = std::fs::read(path_of(name)).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
    text
}

impl Files {
    pub(super) fn read() -> Self {
        let (activities, follows) = (unpacked("activities"), unpacked("follows"));
        let lines: Vec<Line> = activities.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), ACTIVITIES);
        let mut following: HashMap<String, Vec<String>> = HashMap::new();
        let mut names = BTreeSet::new();
        for line in follows.lines() {
            let FollowLine { follower, followee } = serde_json::from_str(line).unwrap();
            names.extend([follower.clone(), followee.clone()]);
            following.entry(follower).or_default().push(followee);
        }
        for line in &lines {
            names.insert(line.actor.clone());
            names.extend(line.target.clone());
        }
        let ids: Vec<String> = lines.iter().map(Line::id).collect();
        let by_id = ids.iter().cloned().enumerate().map(|(index, id)| (id, index)).collect();
        let answered = lines.iter().map(|_| OnceLock::new()).collect();
        Self { lines, ids, names: names.into_iter().collect(), following, by_id, answered }
    }

    /// The activities that fit, in the order of every feed.
    pub(super) fn feed(&self, fits: impl Fn(&Line) -> bool) -> Vec<usize> {
        let mut feed: Vec<usize> = (0..self.lines.len()).filter(|index| fits(&self.lines[*index])).collect();
        let place = |index: &usize| (&self.lines[*index].published, &self.ids[*index]);
        feed.sort_by(|one, other| place(other).cmp(&place(one)));
        feed
    }

    /// Its place in the order of feeds.
    pub(super) fn place_of(&self, index: usize) -> (&str, &str) {
        (&self.lines[index].published, &self.ids[index])
    }

    /// Which activity this answer is. Whatever server said it first, all others have to say the same bytes.
    #[track_caller]
    pub(super) fn recognised(&self, raw: &str) -> usize {
        let id = raw.split("\"id\":\"").nth(1).and_then(|rest| rest.get(..36));
        let index = id.and_then(|id| self.by_id.get(id)).unwrap_or_else(|| panic!("no line is this: {raw}"));
        let first = self.answered[*index].get_or_init(|| {
            self.assert_is_line(*index, raw);
            raw.into()
        });
        assert_eq!(raw, &**first, "the same activity in other bytes");
        *index
    }

    fn assert_is_line(&self, index: usize, raw: &str) {
        let line = &self.lines[index];
        let answered: Answered = serde_json::from_str(raw).unwrap_or_else(|error| panic!("{error}: {raw}"));
        let is_same = answered.id == self.ids[index]
            && answered.actor == line.actor
            && answered.verb == line.verb
            && answered.object == line.object
            && answered.target == line.target
            && answered.published == line.instant()
            && answered.edited_at.is_none()
            && answered.external_id.is_none()
            && answered.data.is_empty();
        assert!(is_same, "line {} of the file is not {raw}", index + 1);
    }
}

impl Line {
    /// The files have whole seconds; answers have six digits always.
    fn instant(&self) -> String {
        self.published.replace('Z', ".000000Z")
    }

    /// The id of an imported line that brings none. It is made of the line alone, and must never change: who imports the
    /// same file elsewhere, or again, has the same activities.
    fn id(&self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let or_null = |text: &Option<String>| text.as_deref().map_or("null".to_owned(), quoted);
        let canonical = format!(
            r#"{{"actor":{},"verb":{},"object":{},"target":{},"published":"{}","edited_at":null,"external_id":null,"data":{{}}}}"#,
            quoted(&self.actor),
            quoted(&self.verb),
            or_null(&self.object),
            or_null(&self.target),
            self.instant(),
        );
        let published = Timestamp::parse(&self.published).unwrap();
        imported_id(published, &Sha256::digest(canonical).into()).to_string()
    }
}
