//! The server: from services and settings to an address that answers.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_cors::Cors;
use actix_service::IntoServiceFactory;
use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse},
    http::Method,
    middleware::{Compress, Condition, from_fn},
    rt::signal::unix::{Signal, SignalKind, signal},
    web,
};

use crate::{
    entry,
    finish::finish,
    limits::Limits,
    observe::observe,
    operation,
    routes::{self, At},
    services::Services,
    settings::Settings,
    shared::Shared,
    short_way::ShortWay,
    tls::Certificate,
};

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

/// How often what is not needed for limits any more is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// What is listened on: bound by the caller.
pub struct Listeners {
    /// The one for clients.
    pub main: TcpListener,
    /// One for metrics alone; where there is none, they are told on the main one.
    pub metrics: Option<TcpListener>,
    /// What both show to speak TLS; plain HTTP where there is none.
    pub certificate: Option<Arc<Certificate>>,
}

/// Serves until SIGTERM or SIGINT; then requests under way are finished. `ready` is told the address when connections are
/// accepted.
pub async fn serve(
    services: Services,
    settings: &Settings,
    listeners: Listeners,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let Listeners { main: listener, metrics, certificate } = listeners;
    let address = listener.local_addr()?;
    let shared = Shared::new(services, settings, address).map_err(io::Error::other)?;
    let state = web::Data::new(shared.clone());
    let workers = workers(settings);
    let both_ways = move || ShortWay::before(app(state.clone()).into_factory(), state.clone());
    let server = HttpServer::new(both_ways)
        .workers(workers)
        .max_connections(settings.server.max_connections.div_ceil(workers))
        .client_request_timeout(Duration::from_millis(settings.server.header_timeout_ms))
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .keep_alive(Duration::from_secs(settings.server.keep_alive_s))
        .shutdown_timeout(settings.server.shutdown_timeout_s)
        .disable_signals();
    let server = match &certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, tls(certificate)?)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let telling = metrics.map(|listener| tell_metrics(listener, settings, &shared, certificate.as_ref()));
    let telling = telling.transpose()?;
    let renewing = certificate.map(|certificate| tokio::spawn(certificate.keep()));
    let sweeping = shared.limits.clone().map(|limits| tokio::spawn(sweep(limits)));
    let traces = shared.traces.clone();
    let delay = Duration::from_millis(settings.server.drain_delay_ms);
    // Heard from before anybody is told that there is a server: whoever starts it may stop it at once.
    let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopping = tokio::spawn(stop_on_signal(signals, server.handle(), shared, delay));
    ready(address);
    let stopped = server.await;
    stopping.abort();
    if let Some(sweeping) = sweeping {
        sweeping.abort();
    }
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    // To the very end: what a stop waits for is worth seeing.
    if let Some(telling) = telling {
        telling.stop(false).await;
    }
    if let Some(traces) = traces {
        // Where it fails, that was logged.
        let _ = tokio::task::spawn_blocking(move || traces.stop()).await;
    }
    stopped
}

fn tls(certificate: &Arc<Certificate>) -> io::Result<rustls::ServerConfig> {
    certificate.server_config().map_err(io::Error::other)
}

/// Serves metrics, and nothing else.
fn tell_metrics(
    listener: TcpListener,
    settings: &Settings,
    shared: &Shared,
    certificate: Option<&Arc<Certificate>>,
) -> io::Result<ServerHandle> {
    let address = listener.local_addr()?;
    let state = web::Data::new(shared.clone());
    let server = HttpServer::new(move || app_of(state.clone(), vec![operation::metrics_route()]))
        .workers(1)
        .client_request_timeout(Duration::from_millis(settings.server.header_timeout_ms))
        .client_disconnect_timeout(DISCONNECT_TIMEOUT)
        .keep_alive(Duration::from_secs(settings.server.keep_alive_s))
        .disable_signals();
    let server = match certificate {
        Some(certificate) => server.listen_rustls_0_23(listener, tls(certificate)?)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    tracing::info!(%address, "metrics are told here");
    Ok(handle)
}

async fn sweep(limits: Arc<Limits>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        limits.sweep();
    }
}

fn workers(settings: &Settings) -> usize {
    match settings.server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// The first signal drains: for `delay` everything is answered as before, so that balancers, which see that the server is
/// not ready, and clients, whose connections end with their next answer, go elsewhere by themselves. Then nobody is let in
/// any more, and what is under way is finished. A second signal does not wait.
async fn stop_on_signal(
    (mut terminate, mut interrupt): (Signal, Signal),
    server: ServerHandle,
    shared: Shared,
    delay: Duration,
) {
    let mut asked = async || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(is_draining = shared.is_draining(), "asked to stop");
    };
    asked().await;
    shared.drain();
    let waits = tokio::select! {
        () = tokio::time::sleep(delay) => true,
        () = asked() => false,
    };
    // They would go on for ever; their clients come again elsewhere.
    shared.services.live.close();
    tokio::spawn(server.stop(waits));
    loop {
        asked().await;
        tokio::spawn(server.stop(false));
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
    let mut paths = routes::of(shared.dev_endpoints, shared.has_page);
    if shared.has_metrics {
        paths.push(operation::metrics_route());
    }
    app_of(shared, paths)
}

fn app_of(
    shared: web::Data<Shared>,
    paths: Vec<At>,
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
    let resources: Vec<_> = paths.into_iter().map(entry::resource).collect();
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
