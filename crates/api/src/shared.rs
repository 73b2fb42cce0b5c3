//! What every handler works with.

use std::{
    future::{Ready, ready},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderMap, web};

use crate::{
    accept,
    auth::Auth,
    limits::Limits,
    links::{Asked, Origins},
    problem::Failure,
    services::Services,
    settings::Settings,
    shedding::Gate,
    traces::Traces,
};

/// The services, and what the settings say about answering.
#[derive(Clone)]
pub struct Shared {
    /// The services.
    pub services: Services,
    /// The size of a numbered page of the classic routes.
    pub page_size: usize,
    /// Whether the routes for development are there.
    pub dev_endpoints: bool,
    /// Whether the page is there.
    pub has_page: bool,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Decides who is let in while there is much to do.
    pub gate: Arc<Gate>,
    /// How much a client may ask for; none: nothing is counted.
    pub limits: Option<Arc<Limits>>,
    /// How long a request may take as a whole.
    pub request_timeout: Duration,
    /// Whether metrics are told here, and not on a listener of their own.
    pub has_metrics: bool,
    /// Tells who calls.
    pub auth: Arc<Auth>,
    /// Where spans of requests go; none: there are none.
    pub traces: Option<Arc<Traces>>,
    origins: Origins,
    draining: Arc<AtomicBool>,
}

impl Shared {
    /// Takes from the settings what answering needs. `listen` is the address that is really listened on.
    pub fn new(services: Services, settings: &Settings, listen: SocketAddr) -> Result<Self, String> {
        Ok(Self {
            gate: Gate::new(&services, settings),
            limits: Limits::new(&settings.limits).map(Arc::new),
            request_timeout: Duration::from_millis(settings.server.request_timeout_ms),
            has_metrics: settings.metrics_listen.is_none(),
            auth: Arc::new(Auth::new(services.clone(), &settings.auth)),
            traces: Traces::start(&settings.telemetry, &services.clock)?.map(Arc::new),
            services,
            page_size: settings.feed.page_size.max(1),
            dev_endpoints: settings.dev_endpoints,
            has_page: settings.web.enabled,
            cors_origins: settings.server.cors_origins.clone(),
            origins: Origins::new(&settings.server, listen)?,
            draining: Arc::default(),
        })
    }

    /// Scheme and host of the absolute URLs of an answer.
    pub fn origin<'r>(&self, asked: impl Into<Asked<'r>>) -> String {
        self.origins.of(asked)
    }

    /// The address of the client behind a peer, which may be a proxy that is trusted.
    pub fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.origins.client(peer, headers)
    }

    /// From now on the server is not ready for new work.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the server is on its way down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn of(request: &HttpRequest) -> Result<web::Data<Self>, Failure> {
        let shared = request.app_data::<web::Data<Self>>().cloned();
        shared.ok_or_else(|| Failure::internal("the application was built without its services"))
    }
}

macro_rules! door {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        pub struct $name(web::Data<Shared>);

        impl std::ops::Deref for $name {
            type Target = Shared;
            fn deref(&self) -> &Shared {
                &self.0
            }
        }

        impl FromRequest for $name {
            type Error = Failure;
            type Future = Ready<Result<Self, Failure>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let check: fn(&HttpRequest) -> Result<(), Failure> = $check;
                ready(check(request).and_then(|()| Shared::of(request)).map(Self))
            }
        }
    };
}

door!(
    /// How `/v1` reaches the services: only for who accepts JSON.
    Api,
    |request| accept::check(request.headers())
);
door!(
    /// How feeds reach them: [`FeedForm`](crate::accept::FeedForm) says whether and in which form they are accepted.
    Feeds,
    |_| Ok(())
);
door!(
    /// How the streams of `/v1` reach them: only for who accepts events.
    Listening,
    |request| accept::check_events(request.headers())
);
door!(
    /// How the classic and the operational routes reach them.
    Classic,
    |_| Ok(())
);
