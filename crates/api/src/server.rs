//! The server: from services and settings to an address that answers.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_cors::Cors;
use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse},
    http::Method,
    middleware::{Compress, Condition, from_fn},
    rt::signal::unix::{SignalKind, signal},
    web,
};

use crate::{
    auth::guard::guarded, classic, docs, finish::finish, observe::observe, operation, routes,
    services::Services, settings::Settings, shared::Shared, v1,
};

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a client may take to close its side.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Headers that pages of other origins may read.
const EXPOSED: [&str; 9] = [
    "Link",
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-Id",
    "Feed-Position",
    "Idempotency-Replayed",
];

/// Serves on `listener`, which the caller has bound, until SIGTERM or SIGINT; then requests under way are finished.
/// `ready` is told the address when connections are accepted.
pub async fn serve(
    services: Services,
    settings: &Settings,
    listener: TcpListener,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let shared = Shared::new(services, settings, address).map_err(io::Error::other)?;
    let state = web::Data::new(shared.clone());
    let server = HttpServer::new(move || app(state.clone()))
        .workers(workers(settings))
        .client_request_timeout(Duration::from_millis(settings.server.header_timeout_ms))
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(settings.server.shutdown_timeout_s)
        .disable_signals()
        .listen(listener)?
        .run();
    let stopping = tokio::spawn(stop_on_signal(server.handle(), shared));
    ready(address);
    let stopped = server.await;
    stopping.abort();
    stopped
}

fn workers(settings: &Settings) -> usize {
    match settings.server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// The first signal drains; a second one does not wait.
async fn stop_on_signal(server: ServerHandle, shared: Shared) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be heard; only a kill stops this server");
        return;
    };
    let mut is_draining = false;
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shared.drain();
        // They would go on for ever; their clients come again elsewhere.
        shared.services.live.close();
        tracing::info!(is_draining, "asked to stop");
        let stop = server.stop(!is_draining);
        is_draining = true;
        tokio::spawn(stop);
    }
}

/// The application: every route of both surfaces, and what is done to each request and answer.
pub fn app(
    shared: web::Data<Shared>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let cors = Condition::new(!shared.cors_origins.is_empty(), cors(&shared.cors_origins));
    let paths = v1::routes()
        .into_iter()
        .chain(classic::routes(shared.dev_endpoints))
        .chain(operation::routes())
        .chain(docs::routes());
    let resources: Vec<_> = paths.map(guarded).collect();
    App::new()
        .app_data(shared)
        .configure(|config| {
            for resource in resources {
                config.service(resource);
            }
        })
        .default_service(web::to(routes::not_found))
        // From the inside out.
        .wrap(Compress::default())
        .wrap(cors)
        .wrap(from_fn(finish))
        .wrap(from_fn(observe))
}

fn cors(origins: &[String]) -> Cors {
    let mut cors = Cors::default()
        .allowed_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_any_header()
        .expose_headers(EXPOSED)
        .max_age(3600);
    for origin in origins {
        cors =
            if origin == "*" { cors.allow_any_origin().send_wildcard() } else { cors.allowed_origin(origin) };
    }
    cors
}
