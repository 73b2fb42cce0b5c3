//! The short way to a page of a feed, and to a post.
//!
//! Most of what a server is asked is a page of a feed, and a page from memory costs less than the framework's way to it,
//! which tries one pattern after the other and boxes what each layer does. So the few paths of feeds, written as plainly as
//! nearly every client writes them, are known here before the framework sees the request; and so is the path to which
//! activities are posted, which is most of what is written. What is done with it is the same and is done by the same
//! functions ([`Seen`], [`Door`], the handlers, [`finished`]), so that both ways give the same answer. All else goes the
//! long way: other spellings of a path, other writes, and what the framework's own layers do (compression, CORS).
//!
//! A first page took about a tenth less CPU by it (of 1,000 users 19.5 µs instead of 21.7, medians of eight interleaved runs
//! on a machine that was not quiet). Half of that is that its futures are small: as long as each layer took the next one by
//! value they had 24 kB, which were moved for every request and drove everything else out of the cache.
//! A post gains less, as most of its cost is the commit: with 32 clients 3 and 8 % more of them a second in two of three
//! interleaved rounds (size S, SQLite); the third, with 56 %, is no measure.

use std::{
    pin::{Pin, pin},
    rc::Rc,
};

use actix_http::Request;
use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{
        AppConfig, Payload, RequestHead, Response, Service, ServiceFactory, ServiceResponse, forward_ready,
    },
    http::{Method, header},
    web::Data,
};
use feed_me_domain::FeedKind;
use futures_util::{
    FutureExt, TryFutureExt,
    future::{Either, LocalBoxFuture, MapOk},
};

use crate::{
    accept::{self, FeedForm},
    auth::acting::Acting,
    body::Body,
    classic,
    entry::Door,
    finish::finished,
    keyed::Sent,
    links::Asked,
    names::PathNames,
    observe::Seen,
    passage::Passage,
    query::Query,
    reply::Answer,
    routes::guarded,
    shared::Shared,
    v1,
};

/// A surface and which of its feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feed {
    V1(FeedKind),
    Classic(FeedKind),
}

/// The paths that are known, by what stands before the name and after it.
const PATHS: [(&str, &str, &str, Feed); 5] = [
    ("/v1/feeds/{username}/friends", "/v1/feeds/", "/friends", Feed::V1(FeedKind::Friends)),
    ("/v1/feeds/{username}", "/v1/feeds/", "", Feed::V1(FeedKind::Own)),
    ("/v1/feeds/{username}/mentions", "/v1/feeds/", "/mentions", Feed::V1(FeedKind::Mentions)),
    ("/feed/{username}/friends", "/feed/", "/friends", Feed::Classic(FeedKind::Friends)),
    ("/feed/{username}", "/feed/", "", Feed::Classic(FeedKind::Own)),
];

/// Where activities are posted.
const POSTS: &str = "/v1/activities";

/// What a request that takes the short way is for.
#[derive(Clone, Copy)]
enum Aim {
    /// One of [`PATHS`].
    Page(usize),
    /// A new activity.
    Post,
}

/// Which of [`PATHS`] a path is. A name with an escape may stand for anything, so the framework decides.
fn known(path: &str) -> Option<usize> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    PATHS.iter().position(|(_, before, after, _)| {
        let name = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_plain))
    })
}

/// An application with the short way before it.
pub struct ShortWay<A> {
    app: A,
    shared: Data<Shared>,
}

impl<A> ShortWay<A> {
    /// The short way before an application that answers everything.
    pub fn before(app: A, shared: Data<Shared>) -> Self {
        Self { app, shared }
    }
}

impl<A, B> ServiceFactory<Request> for ShortWay<A>
where
    A: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
            Future: 'static,
        >,
    B: MessageBody,
{
    type Response = Response<EitherBody<B>>;
    type Error = Error;
    type Config = AppConfig;
    type Service = BothWays<A::Service>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Service, ()>>;

    fn new_service(&self, config: AppConfig) -> Self::Future {
        let is_secure = config.secure();
        let shared = self.shared.clone();
        let long = self.app.new_service(config);
        let doors = Rc::new(Doors {
            pages: PATHS.map(|(path, ..)| Door::new(path, &Method::GET)),
            posts: Door::new(POSTS, &Method::POST),
        });
        async move { Ok(BothWays { long: long.await?, shared, is_secure, doors }) }.boxed_local()
    }
}

/// Chooses the way of each request.
pub struct BothWays<S> {
    long: S,
    shared: Data<Shared>,
    is_secure: bool,
    doors: Rc<Doors>,
}

struct Doors {
    /// Those of [`PATHS`].
    pages: [Door; PATHS.len()],
    posts: Door,
}

impl<S> BothWays<S> {
    /// What a request is for, where nothing about it needs the framework.
    fn chosen(&self, request: &mut Request) -> Option<Aim> {
        let head = request.head();
        let is_plain = self.shared.cors_origins.is_empty()
            && !head.upgrade()
            && head.headers.get(header::ACCEPT_ENCODING).is_none_or(|coding| coding == "identity");
        match head.method {
            Method::GET if is_plain => {
                let page = known(head.uri.path())?;
                matches!(request.payload(), Payload::None).then_some(Aim::Page(page))
            }
            Method::POST if is_plain && head.uri.path() == POSTS => Some(Aim::Post),
            _ => None,
        }
    }
}

type ToResponse<B> = fn(ServiceResponse<B>) -> Response<EitherBody<B>>;

impl<S, B> Service<Request> for BothWays<S>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = Response<EitherBody<B>>;
    type Error = Error;
    type Future =
        Either<LocalBoxFuture<'static, Result<Self::Response, Error>>, MapOk<S::Future, ToResponse<B>>>;

    forward_ready!(long);

    fn call(&self, mut request: Request) -> Self::Future {
        if let Some(aim) = self.chosen(&mut request) {
            let (shared, doors, is_secure) = (self.shared.clone(), self.doors.clone(), self.is_secure);
            let right = |answer| Response::from(answer).map_body(|_, body| EitherBody::right(body));
            // Each is a future of its own: that of a page stays as small as it is.
            let short = match aim {
                Aim::Page(page) => {
                    async move { Ok(right(page_answer(&shared, &doors, page, &request, is_secure).await?)) }
                        .boxed_local()
                }
                Aim::Post => {
                    async move { Ok(right(post_answer(&shared, &doors, request, is_secure).await?)) }
                        .boxed_local()
                }
            };
            return Either::Left(short);
        }
        let to_response: ToResponse<B> =
            |answer| Response::from(answer).map_body(|_, body| EitherBody::left(body));
        Either::Right(self.long.call(request).map_ok(to_response))
    }
}

async fn page_answer(
    shared: &Shared,
    doors: &Doors,
    page: usize,
    request: &Request,
    is_secure: bool,
) -> Result<HttpResponse<BoxBody>, Error> {
    let (door, feed, head) = (&doors.pages[page], PATHS[page].3, request.head());
    let seen = Seen::begin(head, Some(shared));
    let work = pin!(page_of(shared, door.path(), feed, Asked { head, is_secure }));
    answer(shared, door, head, seen, work).await
}

async fn post_answer(
    shared: &Shared,
    doors: &Doors,
    mut request: Request,
    is_secure: bool,
) -> Result<HttpResponse<BoxBody>, Error> {
    let payload = request.take_payload();
    let head = request.head();
    let seen = Seen::begin(head, Some(shared));
    let passage = seen.passage().clone();
    let work = pin!(post(shared, Asked { head, is_secure }, passage, payload));
    answer(shared, &doors.posts, head, seen, work).await
}

/// What the layers and the route do on the long way, in their order.
async fn answer(
    shared: &Shared,
    door: &Door,
    head: &RequestHead,
    seen: Seen,
    work: Pin<&mut impl Future<Output = Answer>>,
) -> Result<HttpResponse<BoxBody>, Error> {
    let passage = seen.passage().clone();
    passage.takes(door.path());
    let handler = pin!(async {
        Ok(match guarded(work).await {
            Ok(reply) => reply.into_response(head),
            Err(failure) => HttpResponse::from_error(failure),
        })
    });
    let response = door.pass(shared, head, Some(&passage), handler).await?;
    let mut response = finished(response, head.uri.path(), Some(&passage), Some(shared));
    seen.end(response.head_mut());
    Ok(response)
}

async fn page_of(shared: &Shared, path: &'static str, feed: Feed, asked: Asked<'_>) -> Answer {
    let uri = &asked.head.uri;
    let query = || Query::parse(uri.query().unwrap_or_default());
    let names = PathNames::of(path, uri.path());
    match feed {
        Feed::V1(kind) => {
            let form = FeedForm::of(&asked.head.headers)?;
            v1::feeds::page(form, shared, asked, &names, &query()?, kind).await
        }
        Feed::Classic(kind) => classic::feed::numbered(shared, asked, &names, &query()?, kind).await,
    }
}

/// What the framework's extractors see to on the long way is seen to in the same order.
async fn post(shared: &Shared, asked: Asked<'_>, passage: Rc<Passage>, payload: Payload) -> Answer {
    accept::check(&asked.head.headers)?;
    let acting = Acting::of(Some(&passage))?;
    let body = Body::arriving(&asked.head.headers, payload).await?;
    let sent = Sent { head: asked.head, passage: Some(passage) };
    v1::activities::posted(shared, &acting, asked, sent, &body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_of_feeds_are_known_and_no_others() {
        let pattern = |path| known(path).map(|known| PATHS[known].0);
        assert_eq!(pattern("/v1/feeds/ivan/friends"), Some("/v1/feeds/{username}/friends"));
        assert_eq!(pattern("/v1/feeds/i-v_a.n~1"), Some("/v1/feeds/{username}"));
        assert_eq!(pattern("/v1/feeds/friends"), Some("/v1/feeds/{username}"));
        assert_eq!(pattern("/v1/feeds/mentions/mentions"), Some("/v1/feeds/{username}/mentions"));
        assert_eq!(pattern("/feed/ivan"), Some("/feed/{username}"));
        assert_eq!(pattern("/feed/ivan/friends"), Some("/feed/{username}/friends"));
        for other in [
            "/v1/feeds/",
            "/v1/feeds//friends",
            "/v1/feeds/ivan/",
            "/v1/feeds/ivan/friends/",
            "/v1/feeds/ivan/friends/changes",
            "/v1/feeds/a%20b",
            "/v1/feeds/ivan/notifications",
            "/feed/ivan/mentions",
            "/feed/é",
            "//feed/ivan",
            "/V1/feeds/ivan",
        ] {
            assert_eq!(pattern(other), None, "{other}");
        }
    }

    #[test]
    fn every_known_path_is_one_of_the_routes() {
        let routes = crate::routes::all();
        for (path, before, after, _) in PATHS {
            assert_eq!(path, format!("{before}{{username}}{after}"));
            let route = routes.iter().find(|at| at.path == path);
            assert!(route.is_some_and(|at| at.methods.contains(&Method::GET)), "{path}");
        }
        let posts = routes.iter().find(|at| at.path == POSTS);
        assert!(posts.is_some_and(|at| at.methods.contains(&Method::POST)));
    }
}
