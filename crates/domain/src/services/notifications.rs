use std::sync::Arc;

use uuid::Uuid;

use crate::{
    cursor::{CursorCodec, Listing},
    error::{Error, Result},
    idempotency::{Attempt, Keyed},
    notification::{GroupPlace, MarkRequest, NotificationGroup},
    page::Span,
    ports::NotificationRepository,
    services::paging::{Page, PageRequest, Walk},
    text::Username,
};

/// Reading and marking notifications.
pub struct NotificationService {
    notifications: Arc<dyn NotificationRepository>,
    cursors: CursorCodec,
}

/// A page of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationPage {
    /// The groups.
    pub page: Page<NotificationGroup>,
    /// How many groups in all have something that was not seen.
    pub unseen: u64,
    /// How many have something that was not read.
    pub unread: u64,
    /// The position in the order of all changes that it includes.
    pub position: i64,
}

impl NotificationService {
    /// A service on a store.
    pub fn new(notifications: Arc<dyn NotificationRepository>, cursors: CursorCodec) -> Self {
        Self { notifications, cursors }
    }

    /// A page of a user's groups, the newest first.
    pub async fn page(&self, owner: &Username, request: &PageRequest) -> Result<NotificationPage> {
        let walk = Walk { codec: &self.cursors, listing: Listing::Notifications, filter: [0; 8] };
        // Of the questions of one page the first one counts: the second only asks whether anything follows.
        let counts = std::sync::OnceLock::new();
        let fetch = async |span: Span<GroupPlace>| -> Result<Option<(Uuid, Vec<NotificationGroup>)>> {
            let Some(found) = self.notifications.notifications(owner, &span).await? else { return Ok(None) };
            counts.get_or_init(|| (found.unseen, found.unread, found.position));
            Ok(Some((found.owner.as_uuid(), found.groups)))
        };
        let page = walk.page(request, fetch).await?.ok_or_else(|| Error::UnknownUser(owner.clone()))?;
        let (unseen, unread, position) = counts.get().copied().unwrap_or_default();
        Ok(NotificationPage { page, unseen, unread, position })
    }

    /// Marks groups as seen or read.
    pub async fn mark(
        &self,
        owner: &Username,
        request: MarkRequest,
        keyed: Option<Keyed<()>>,
    ) -> Result<Attempt<()>> {
        let unknown = owner.clone();
        let judge = move |is_user: bool| {
            if is_user { Ok(()) } else { Err(Error::UnknownUser(unknown.clone())) }
        };
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.notifications.mark(owner, request, keyed).await?.try_map(judge)
    }
}
