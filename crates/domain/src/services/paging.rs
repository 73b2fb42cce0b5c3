use uuid::Uuid;

use crate::{
    cursor::{Cursor, CursorCodec, CursorPlace, CursorScope, Listing},
    error::Result,
    page::{Boundary, Direction, Next, PageLimit, Placed, Span, cut},
};

/// Which page a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items at most.
    pub limit: PageLimit,
    /// The cursor it sent; none for the first page.
    pub cursor: Option<String>,
}

/// A page, with the cursors of its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order of the listing.
    pub items: Vec<T>,
    /// Leads to the page that follows; none only at the true end.
    pub next: Option<Cursor>,
    /// Leads to the page that precedes; always there, as something may arrive.
    pub previous: Cursor,
}

/// What is walked: a listing under a filter.
pub(crate) struct Walk<'a> {
    pub(crate) codec: &'a CursorCodec,
    pub(crate) listing: Listing,
    pub(crate) filter: [u8; 8],
}

impl Walk<'_> {
    /// One page of the walk. `fetch` asks the store for a span and answers the owner's id with the items in walking
    /// order, or none where there is no such owner.
    pub(crate) async fn page<T, F>(&self, request: &PageRequest, fetch: F) -> Result<Option<Page<T>>>
    where
        T: Placed,
        T::Place: CursorPlace,
        F: AsyncFn(Span<T::Place>) -> Result<Option<(Uuid, Vec<T>)>>,
    {
        let opened = match &request.cursor {
            Some(raw) => Some(self.codec.open::<T::Place>(raw, self.listing, self.filter)?),
            None => None,
        };
        let (boundary, direction) = match &opened {
            Some(opened) => (opened.boundary.clone(), opened.direction),
            None => (Boundary::Top, Direction::Forward),
        };
        let span = Span::from_boundary(boundary, direction, request.limit);
        let Some((owner, fetched)) = fetch(span.clone()).await? else { return Ok(None) };
        let scope = CursorScope { listing: self.listing, owner, filter: self.filter };
        if let Some(opened) = &opened {
            opened.belongs_to(&scope)?;
        }
        let page = cut(fetched, &span);
        let next = match page.next {
            Next::None => None,
            Next::At(boundary) => Some(boundary),
            Next::Perhaps(boundary) => {
                let rest = Span { boundary: boundary.clone(), direction: Direction::Forward, take: 1 };
                let is_anything_left = fetch(rest).await?.is_some_and(|(_, items)| !items.is_empty());
                is_anything_left.then_some(boundary)
            }
        };
        Ok(Some(Page {
            items: page.items,
            next: next.map(|boundary| self.codec.seal(&scope, &boundary, Direction::Forward)),
            previous: self.codec.seal(&scope, &page.previous, Direction::Backward),
        }))
    }
}
