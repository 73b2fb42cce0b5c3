use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use super::Failure;
use crate::{
    app::{App, Database, IfMissing, Index},
    auth,
    background::Background,
    server::{self, Listeners},
    services::Services,
    settings::Settings,
    tls::Certificate,
    webhooks::Deliverer,
};

/// Serves until it is asked to stop, and ends what is under way first.
pub(super) async fn serve(settings: Settings) -> Result<(), Failure> {
    let certificate = settings.tls.as_ref().map(Certificate::load).transpose()?;
    let database = Database::open(&settings.database, IfMissing::Make)?;
    let _serving = database.lock_for_serving()?;
    let run = database.migrate().await?;
    if !run.is_empty() {
        tracing::info!(migrations = run.join(", "), "the schema was brought up to date");
    }
    let app = App::serving(&settings, &database).await?;
    auth::tell(&settings.auth, &app.services).await.map_err(|source| Failure::Keys(source.into()))?;
    // Only now: whoever can connect is answered.
    let listen = settings.server.listen;
    let bound = |listen| TcpListener::bind(listen).map_err(|source| Failure::Listen { listen, source });
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let (main, metrics) = (bound(listen)?, settings.metrics_listen.map(bound).transpose()?);
    let listeners = Listeners { main, metrics, certificate };
    let _keeper = app.index.as_ref().map(Index::keep).transpose().map_err(Failure::Serve)?;
    let _background = Background::start(&app, settings.events.retention_hours);
    let deliverer = app.deliveries.clone().map(|deliveries| {
        let Services { log, clock, metrics, webhook_bell, .. } = app.services.clone();
        Deliverer::start(deliveries, log, clock, metrics, webhook_bell)
    });
    let served = server::serve(app.services.clone(), &settings, listeners, |at| announce(scheme, at)).await;
    if let Some(deliverer) = deliverer {
        deliverer.stop(Duration::from_secs(settings.server.shutdown_timeout_s)).await;
    }
    if let Err(error) = app.services.application_keys.store_uses().await {
        tracing::warn!(%error, "the last uses of application keys are not stored");
    }
    served.map_err(Failure::Serve)
}

/// Tells people and scripts where to go. Whether anybody reads it does not matter to the server.
fn announce(scheme: &str, address: SocketAddr) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "feed-me listens on {scheme}://{address}").and_then(|()| out.flush());
}
