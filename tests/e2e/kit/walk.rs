use serde_json::Value;

use crate::kit::{Answer, World};

impl World {
    /// Walks a listing from its first page to its end, and checks on the way what every page promises.
    pub(crate) async fn walk(&self, path: &str, limit: usize) -> Vec<Value> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}limit={limit}");
        let mut page = self.get(&path).await;
        let mut all = Vec::new();
        loop {
            assert_page_is_sound(&page, limit);
            all.extend(page.items());
            match page.next() {
                Some(cursor) => page = self.page(&path, &cursor).await,
                None => return all,
            }
        }
    }

    /// The same, a line for each activity.
    pub(crate) async fn walk_lines(&self, path: &str, limit: usize) -> Vec<String> {
        self.walk(path, limit).await.iter().map(as_line).collect()
    }

    /// Walks back from a page to the newest one. Gives what was met, newest first.
    pub(crate) async fn walk_back(&self, path: &str, from: &str, limit: usize) -> Vec<Value> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{sign}limit={limit}");
        let mut cursor = from.to_owned();
        let mut all = Vec::new();
        loop {
            let page = self.page(&path, &cursor).await;
            let items = page.is(200).items();
            cursor = page.previous();
            if items.is_empty() {
                return all;
            }
            assert!(items.len() <= limit, "{page}");
            all = items.into_iter().chain(all).collect();
        }
    }
}

/// A page has exactly `limit` items unless the listing ends in it, both cursors, and the same as links.
#[track_caller]
pub(crate) fn assert_page_is_sound(page: &Answer, limit: usize) {
    let items = page.is(200).items();
    if page.next().is_some() {
        assert_eq!(items.len(), limit, "a page in the middle is full: {page}");
    } else {
        assert!(items.len() <= limit, "{page}");
    }
    assert_eq!(cursor_of(page, "next"), page.next(), "{page}");
    assert_eq!(cursor_of(page, "prev"), Some(page.previous()), "{page}");
    for pair in items.windows(2).filter(|pair| pair[0].get("published").is_some()) {
        let place = |item: &Value| (item["published"].to_string(), item["id"].to_string());
        assert!(place(&pair[1]) < place(&pair[0]), "newest first, then the greatest id: {page}");
    }
}

/// The cursor in the `Link` of a page with this `rel`.
#[track_caller]
fn cursor_of(page: &Answer, rel: &str) -> Option<String> {
    let links = page.find_header("link")?;
    let link = links.split(", <").find(|link| link.contains(&format!("rel=\"{rel}\"")))?.to_owned();
    let (_, after) = link.split_once("cursor=").unwrap_or_else(|| panic!("a link without a cursor: {page}"));
    Some(after.split(['&', '>']).next().unwrap_or_default().to_owned())
}

/// `actor verb object`, and ` -> target` where there is one.
pub(crate) fn as_line(activity: &Value) -> String {
    let text = |member: &str| activity[member].as_str();
    let mut line = format!(
        "{} {} {}",
        text("actor").unwrap_or("?"),
        text("verb").unwrap_or("?"),
        text("object").unwrap_or("null")
    );
    if let Some(target) = text("target").filter(|target| !target.is_empty()) {
        line = line + " -> " + target;
    }
    line
}

/// An ACTIVITY of /v1: exactly the members that the contract names, in their types.
#[track_caller]
pub(crate) fn assert_well_formed_activity(activity: &Value) {
    let mut members: Vec<&str> = activity.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let wanted = ["actor", "data", "edited_at", "external_id", "id", "object", "published", "target", "verb"];
    assert_eq!(members, wanted, "{activity}");
    assert!(activity["data"].is_object(), "{activity}");
    for time in ["published", "edited_at"] {
        let Some(time) = activity[time].as_str() else {
            assert!(time == "edited_at" && activity[time].is_null(), "{activity}");
            continue;
        };
        assert_eq!(time.len(), "2026-02-24T21:20:58.123456Z".len(), "six digits and Z: {activity}");
        assert!(time.ends_with('Z'), "{activity}");
    }
    let id = uuid::Uuid::parse_str(activity["id"].as_str().unwrap()).unwrap();
    assert_eq!(id.get_version_num(), 7, "{activity}");
}
