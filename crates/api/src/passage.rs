//! What is known of a request on its way through the server: its id, the route that was chosen, and who sent it. One
//! thing that all layers share, because each thing of its own that a request carries is an allocation, and asking the
//! framework which route was chosen makes it choose once more.

use std::{
    cell::{Cell, OnceCell},
    rc::Rc,
};

use actix_web::HttpRequest;

use crate::{auth::acting::Acting, request_id::RequestId};

/// What is known of one request.
pub struct Passage {
    /// Its id, as it stands in the log and in the answer.
    pub id: RequestId,
    route: Cell<Option<&'static str>>,
    acting: OnceCell<Acting>,
}

impl Passage {
    /// Of a request that has just come.
    pub fn begin(id: RequestId) -> Rc<Self> {
        Rc::new(Self { id, route: Cell::new(None), acting: OnceCell::new() })
    }

    /// Of a request; none where nobody watches it.
    pub fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        actix_web::HttpMessage::extensions(request).get::<Rc<Self>>().cloned()
    }

    /// The pattern of the route that was chosen; none as long as there is none.
    pub fn route(&self) -> Option<&'static str> {
        self.route.get()
    }

    /// A route was chosen.
    pub fn takes(&self, route: &'static str) {
        self.route.set(Some(route));
    }

    /// Who sent it, once they were let in.
    pub fn acting(&self) -> Option<&Acting> {
        self.acting.get()
    }

    /// Somebody was let in. The first word counts.
    pub fn admit(&self, acting: Acting) {
        // A second word cannot come: a request passes one door.
        let _ = self.acting.set(acting);
    }
}

/// The pattern of the route that a request took.
pub fn route_of(request: &HttpRequest) -> Option<&'static str> {
    Passage::of(request)?.route()
}
