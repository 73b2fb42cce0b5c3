//! The limit: the same HTTP stack with nothing behind it, answering one page again and again.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use actix_cors::Cors;
use actix_web::{
    App, HttpResponse, HttpServer,
    http::header,
    middleware::{Compress, Condition, from_fn},
    web,
};
use anyhow::Context;
use clap::{Args, ValueEnum};
use feed_me_api::{
    finish::finish,
    logging,
    observe::observe,
    settings::{LogFormat, LogSettings},
};

/// `feed-me-bench constant`
#[derive(Args, Clone, Debug)]
pub struct ConstantArgs {
    /// The file with the body to answer
    #[arg(long, value_name = "FILE")]
    pub body: PathBuf,
    /// What the request goes through
    #[arg(long, value_enum, default_value_t = Stack::Bare)]
    pub stack: Stack,
    /// How long the core works before each answer, in microseconds
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0.0)]
    pub work_us: f64,
    /// The address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: String,
    /// What is logged, as the server's setting log.filter
    #[arg(long, value_name = "FILTER", default_value = "info,actix_server=warn")]
    pub log_filter: String,
}

/// What a request goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stack {
    /// Nothing but actix-web.
    Bare,
    /// What feed-me does to every request and answer: the request's id and log line, errors, CORS, compression.
    Product,
}

/// A server with the settings of the product's. A macro, because the type of a server says all that it is made of.
macro_rules! server {
    ($app:expr) => {
        HttpServer::new($app)
            .workers(std::thread::available_parallelism().map_or(1, usize::from))
            .client_request_timeout(Duration::from_secs(5))
            .client_disconnect_timeout(Duration::from_secs(5))
            .keep_alive(Duration::from_secs(75))
            .shutdown_timeout(1)
    };
}

/// Serves until it is killed. Workers and connections are set as those of the product.
pub async fn serve(args: &ConstantArgs) -> anyhow::Result<()> {
    let work = Duration::try_from_secs_f64(args.work_us / 1e6).context("--work-us is no duration")?;
    let constant = Constant { body: web::Bytes::from(read(&args.body)?), work };
    logging::start(&LogSettings { format: LogFormat::Json, filter: args.log_filter.clone() });
    let listener =
        TcpListener::bind(&args.listen).with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    // The two differ in type, and a boxed service would be a cost of its own.
    let running = match args.stack {
        Stack::Bare => {
            let app = move || {
                App::new().app_data(web::Data::new(constant.clone())).default_service(web::to(answer))
            };
            server!(app).listen(listener)?.run()
        }
        Stack::Product => {
            let app = move || {
                App::new()
                    .app_data(web::Data::new(constant.clone()))
                    .default_service(web::to(answer))
                    .wrap(Compress::default())
                    .wrap(Condition::new(false, Cors::default()))
                    .wrap(from_fn(finish))
                    .wrap(from_fn(observe))
            };
            server!(app).listen(listener)?.run()
        }
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "the constant body listens on http://{address}")?;
    out.flush()?;
    drop(out);
    Ok(running.await?)
}

/// What is answered, after how much work.
#[derive(Clone, Debug)]
struct Constant {
    body: web::Bytes,
    work: Duration,
}

async fn answer(constant: web::Data<Constant>) -> HttpResponse {
    if !constant.work.is_zero() {
        let began = Instant::now();
        while began.elapsed() < constant.work {
            std::hint::spin_loop();
        }
    }
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(constant.body.clone())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
