use std::sync::{Arc, OnceLock};

use crate::{
    cursor::CursorCodec,
    error::{Error, Result},
    feed::{FeedFilter, FeedItem, FeedKind, FeedMark, FeedQuery, FeedSlice, Shape},
    follow::{Follow, Window},
    id::ActivityId,
    page::{Boundary, Direction, Span},
    ports::{Explained, FeedRepository, VisibilityFacts},
    services::paging::{Page, PageRequest, Walk},
    text::Username,
};

/// Reading feeds.
pub struct FeedService {
    feeds: Arc<dyn FeedRepository>,
    cursors: CursorCodec,
}

/// Which feed is wanted, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRequest {
    /// Which feed.
    pub kind: FeedKind,
    /// Whose.
    pub owner: Username,
    /// What of it.
    pub filter: FeedFilter,
    /// How much of each item.
    pub shape: Shape,
}

impl FeedRequest {
    /// All of a feed, as whole activities.
    pub fn of(kind: FeedKind, owner: Username) -> Self {
        Self { kind, owner, filter: FeedFilter::default(), shape: Shape::Whole }
    }
}

/// A page by number, as the classic routes have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedPage {
    /// The items, newest first.
    pub items: Vec<FeedItem>,
    /// Whether there is a page after this one.
    pub has_next: bool,
    /// The position in the order of all changes that it includes.
    pub position: i64,
}

/// Whether and why an activity is in a friends feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// It is, because of this follow.
    Follow(Follow),
    /// It is, because this history was kept.
    KeptHistory(Window),
    /// It is not.
    Hidden(HiddenReason),
}

/// Why an activity is not in a friends feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenReason {
    /// The viewer is its actor.
    Own,
    /// The viewer blocks the actor.
    Blocked,
    /// The actor blocks the viewer.
    HiddenByAuthor,
    /// The viewer mutes the actor.
    Muted,
    /// The viewer does not follow the actor.
    NotFollowed,
    /// It was published after the viewer unfollowed and kept the history.
    Unfollowed,
    /// It was published before what the follow, or the history kept, begins with.
    BeforeFollowWindow,
}

impl FeedService {
    /// A service on a store.
    pub fn new(feeds: Arc<dyn FeedRepository>, cursors: CursorCodec) -> Self {
        Self { feeds, cursors }
    }

    /// A page of a feed. With [`Shape::Entry`] its items may come without their bodies, which
    /// [`ActivityService::bodies`](crate::services::ActivityService::bodies) has; a body that is not there any more means
    /// that the activity went meanwhile, and the page is to be read again.
    pub async fn page(&self, wanted: &FeedRequest, request: &PageRequest) -> Result<Page<FeedItem>> {
        Ok(self.page_at(wanted, request).await?.0)
    }

    /// The same, with the position in the order of all changes that the page includes.
    pub async fn page_at(
        &self,
        wanted: &FeedRequest,
        request: &PageRequest,
    ) -> Result<(Page<FeedItem>, i64)> {
        let FeedRequest { kind, owner, filter, shape } = wanted;
        let (kind, shape) = (*kind, *shape);
        let walk = Walk { codec: &self.cursors, listing: kind.listing(), filter: filter.fingerprint() };
        let position = OnceLock::new();
        let fetch = async |span| {
            let query =
                FeedQuery { kind, owner: owner.clone(), filter: filter.clone(), span, skip: 0, shape };
            let Some(slice) = self.feeds.page(&query).await? else { return Ok(None) };
            // Of the questions of one page the first one counts: what it includes, the second one does too.
            position.get_or_init(|| slice.position);
            Ok(Some((slice.owner.as_uuid(), slice.items)))
        };
        let page = walk.page(request, fetch).await?.ok_or_else(|| Error::UnknownUser(owner.clone()))?;
        Ok((page, position.get().copied().unwrap_or_default()))
    }

    /// The page of a number (from 1) of a feed that is cut into pages of `size`. About bodies, see
    /// [`page`](FeedService::page).
    pub async fn numbered_page(
        &self,
        wanted: &FeedRequest,
        number: u64,
        size: usize,
    ) -> Result<NumberedPage> {
        let span = Span { boundary: Boundary::Top, direction: Direction::Forward, take: size + 1 };
        let skip = number.saturating_sub(1).saturating_mul(size as u64);
        let FeedRequest { kind, owner, filter, shape } = wanted.clone();
        let query = FeedQuery { kind, owner, filter, span, skip, shape };
        let slice = self.feeds.page(&query).await?;
        let FeedSlice { mut items, position, .. } = slice.ok_or(Error::UnknownUser(query.owner))?;
        let has_next = size < items.len();
        items.truncate(size);
        Ok(NumberedPage { items, has_next, position })
    }

    /// What pages that are read from now on include at least; none where that is not known. Whoever keeps a page takes the
    /// mark before reading it, and keeps it only where the page's position is not below the mark's.
    pub fn mark(&self) -> Option<FeedMark> {
        self.feeds.mark()
    }

    /// Whether a page of a feed that was kept with a mark is still what would be read: then the mark that it has by now.
    pub fn unchanged(&self, kind: FeedKind, owner: &Username, since: FeedMark) -> Option<FeedMark> {
        self.feeds.unchanged(kind, owner, since)
    }

    /// Why an activity is, or is not, in a user's friends feed.
    pub async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explanation> {
        match self.feeds.explain(viewer, activity).await? {
            Explained::UnknownViewer => Err(Error::UnknownUser(viewer.clone())),
            Explained::UnknownActivity => Err(Error::UnknownActivity(activity)),
            Explained::Facts(facts) => Ok(explain(*facts)),
        }
    }
}

/// The rule that the reading of friends feeds follows, told for one activity.
pub fn explain(facts: VisibilityFacts) -> Explanation {
    let published = facts.activity.published;
    if facts.is_own {
        return Explanation::Hidden(HiddenReason::Own);
    }
    if facts.blocks {
        return Explanation::Hidden(HiddenReason::Blocked);
    }
    if facts.blocked_by {
        return Explanation::Hidden(HiddenReason::HiddenByAuthor);
    }
    if facts.mutes {
        return Explanation::Hidden(HiddenReason::Muted);
    }
    match facts.follow {
        Some(follow) if follow.from.is_none_or(|from| from <= published) => {
            return Explanation::Follow(follow);
        }
        _ => {}
    }
    if let Some(window) = facts.edge.kept.iter().find(|window| window.contains(published)) {
        return Explanation::KeptHistory(*window);
    }
    let is_after_all_kept =
        facts.edge.kept.iter().all(|window| window.until.is_some_and(|until| until < published));
    let follows = facts.edge.current.is_some();
    Explanation::Hidden(if !follows && facts.edge.kept.is_empty() {
        HiddenReason::NotFollowed
    } else if !follows && is_after_all_kept {
        HiddenReason::Unfollowed
    } else {
        HiddenReason::BeforeFollowWindow
    })
}
