//! One operation of the document. What follows from its method, its path and its surface is added by rule.

use std::collections::BTreeMap;

use actix_web::http::Method;
use feed_me_domain::Right;
use utoipa::openapi::{
    ContentBuilder, Header, HeaderBuilder, HttpMethod, PathItem, PathsBuilder, Ref, Required,
    ResponseBuilder,
    path::{OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
};

use super::security;
use crate::{
    auth::rights,
    problem::{self, Kind},
    shedding::Rank,
    traffic::{self, Traffic},
};

/// The groups of operations.
pub(crate) const TAGS: &[(&str, &str)] = &[
    ("users", "Who acts, follows and is followed."),
    ("activities", "Who did what."),
    ("follows", "Who follows whom."),
    ("blocks and mutes", "What a user wants nothing of."),
    ("feeds", "Newest first: `published` descending, then `id` descending."),
    ("keys and tokens", "Who may call."),
    ("events", "The log of all changes, for integrators."),
    ("webhooks", "The same, sent to an address of the subscriber's own, signed as Standard Webhooks."),
    ("classic", "The routes of the first feed-me."),
    ("development", "Present only where `dev_endpoints` is on; `/` also where `web.enabled` is."),
    ("operation", "For operators."),
];

/// Where the errors of an operation come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Surface {
    V1,
    Classic,
    Operation,
}

/// An operation.
pub(crate) struct Operation {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    tag: &'static str,
    surface: Surface,
    parameters: Vec<ParameterBuilder>,
    body: Option<RequestBodyBuilder>,
    successes: Vec<(u16, &'static str, Option<&'static str>)>,
    headers: Vec<(u16, &'static str, &'static str)>,
    media_type: &'static str,
    has_page: bool,
    also: Vec<(&'static str, &'static str)>,
    errors: Vec<&'static Kind>,
}

impl Operation {
    /// An operation, with what its path implies.
    pub(crate) fn new(
        method: HttpMethod,
        path: &'static str,
        tag: &'static str,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        let surface = match tag {
            "classic" | "development" => Surface::Classic,
            "operation" => Surface::Operation,
            _ => Surface::V1,
        };
        let operation = Self {
            method,
            path,
            id,
            summary,
            tag,
            surface,
            parameters: Vec::new(),
            body: None,
            successes: Vec::new(),
            headers: Vec::new(),
            media_type: "application/json",
            has_page: false,
            also: Vec::new(),
            errors: vec![problem::INTERNAL],
        };
        operation.of_surface().of_method().of_path().of_rights().of_traffic()
    }

    /// What a client is answered that asks for too much, or when there is too much to do.
    fn of_traffic(self) -> Self {
        let operation = match self.traffic().rank {
            Rank::Never => self.fails(&[problem::TOO_LONG]),
            _ => self.fails(&[problem::TOO_LONG, problem::OVERLOADED]),
        };
        match operation.traffic().class {
            Some(_) => operation.fails(&[problem::TOO_MANY_REQUESTS]),
            None => operation,
        }
    }

    fn traffic(&self) -> Traffic {
        traffic::of(&self.http_method(), self.path)
    }

    fn of_surface(self) -> Self {
        match self.surface {
            Surface::V1 => self.fails(&[problem::NOT_ACCEPTABLE, problem::UNAVAILABLE]),
            Surface::Classic => self.fails(&[problem::UNAVAILABLE]),
            Surface::Operation => self,
        }
    }

    fn of_method(mut self) -> Self {
        if self.method == HttpMethod::Post {
            let key =
                ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
            let key = key.pattern(Some(r"\S"));
            self.parameters.push(
                header(
                    "Idempotency-Key",
                    "Makes the request safe to send again: for 24 hours it has one effect and one answer.",
                )
                .schema(Some(key)),
            );
            let errors =
                [problem::INVALID_KEY, problem::KEY_UNDER_WAY, problem::KEY_ERASED, problem::KEY_REUSED];
            return self.fails(&errors);
        }
        if self.method == HttpMethod::Get && self.surface == Surface::V1 {
            let position = header(
                "Feed-Position",
                "A position that an answer told: the read waits until it includes it, up to 5 s.",
            );
            self.parameters.push(position.schema(Some(string().pattern(Some("^[0-9]+$")))));
            self = self.fails(&[problem::INVALID_POSITION, problem::POSITION_NOT_REACHED]);
            let tag = header("If-None-Match", "Tags of what the client has; 304 where one is still right.");
            self.parameters.push(tag.schema(Some(string())));
        }
        self
    }

    fn of_path(mut self) -> Self {
        for part in self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameter =
                ParameterBuilder::new().name(part).parameter_in(ParameterIn::Path).required(Required::True);
            let (parameter, errors): (_, &[&'static Kind]) = match part {
                "id" if self.path.starts_with("/v1/keys/") => {
                    (parameter.schema(Some(uuid())), &[problem::KEY_NOT_FOUND])
                }
                "id" if self.path.starts_with("/v1/webhooks/") => {
                    (parameter.schema(Some(uuid())), &[problem::WEBHOOK_NOT_FOUND])
                }
                "position" => (
                    parameter.schema(Some(string().pattern(Some("^[0-9]+$")))),
                    &[problem::DELIVERY_NOT_FOUND],
                ),
                "id" => (parameter.schema(Some(uuid())), &[problem::ACTIVITY_NOT_FOUND]),
                "file" => (parameter.schema(Some(string())), &[problem::NOT_FOUND]),
                _ => (
                    parameter.schema(Some(Ref::from_schema_name("Username"))),
                    &[problem::INVALID_USERNAME, problem::USER_NOT_FOUND],
                ),
            };
            self.parameters.push(parameter);
            self = self.fails(errors);
        }
        self
    }

    fn of_rights(self) -> Self {
        match self.right() {
            Right::Open => self,
            // Whose a credential is, is asked of the store.
            Right::Needs(..) => {
                self.fails(&[problem::UNAUTHORIZED, problem::FORBIDDEN, problem::UNAVAILABLE])
            }
        }
    }

    fn right(&self) -> Right {
        rights::of(&self.http_method(), self.path)
    }

    fn http_method(&self) -> Method {
        match self.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Patch => Method::PATCH,
            _ => Method::DELETE,
        }
    }

    /// A parameter of the query.
    pub(crate) fn query(mut self, parameter: ParameterBuilder) -> Self {
        self.parameters.push(parameter.parameter_in(ParameterIn::Query));
        self.fails(&[problem::MALFORMED_QUERY, problem::INVALID_REQUEST])
    }

    /// `limit` and `cursor`.
    pub(crate) fn paged(self) -> Self {
        let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(100));
        let limit = limit.default(Some(20.into()));
        self.query(named("limit", "The most items of the page.").schema(Some(limit)))
            .query(named("cursor", "A cursor of another page of the same list.").schema(Some(string_of(1))))
            .fails(&[problem::INVALID_CURSOR])
            .header(200, "Link", "The neighbours of the page: `rel=\"next\"`, `rel=\"prev\"`.")
    }

    /// `If-Match`.
    pub(crate) fn guarded(mut self) -> Self {
        let tags = header("If-Match", "Tags of the versions that the client expects.");
        self.parameters.push(tag_schema(tags));
        self.fails(&[problem::PRECONDITION_FAILED])
    }

    /// A body that has to be there.
    pub(crate) fn body(self, schema: &'static str, media_types: &[&str]) -> Self {
        self.with_body(schema, media_types, Required::True)
    }

    /// A body that may be there.
    pub(crate) fn optional_body(self, schema: &'static str) -> Self {
        self.with_body(schema, &["application/json"], Required::False)
    }

    fn with_body(mut self, schema: &'static str, media_types: &[&str], required: Required) -> Self {
        let mut body = RequestBodyBuilder::new().required(Some(required));
        for media_type in media_types {
            let lines =
                ObjectBuilder::new().schema_type(Type::String).description(Some("One activity a line."));
            let content = if *media_type == "application/x-ndjson" {
                ContentBuilder::new().schema(Some(lines)).build()
            } else {
                ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build()
            };
            body = body.content(*media_type, content);
        }
        self.body = Some(body);
        self.fails(&[
            problem::INVALID_REQUEST,
            problem::MALFORMED_JSON,
            problem::TIMEOUT,
            problem::TOO_LARGE,
            problem::UNSUPPORTED_MEDIA_TYPE,
        ])
    }

    /// What a success answers.
    pub(crate) fn answers(mut self, status: u16, description: &'static str, schema: &'static str) -> Self {
        self.successes.push((status, description, Some(schema)));
        let is_json = self.media_type == "application/json";
        if status == 200 && self.method == HttpMethod::Get && self.surface == Surface::V1 && is_json {
            self = self.header(200, "ETag", "Names this state of the answer.");
        }
        self
    }

    /// A success without a body.
    pub(crate) fn answers_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.successes.push((status, description, None));
        self
    }

    /// The answer is not JSON.
    pub(crate) fn of_media_type(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self
    }

    /// The answer may also be a page for people.
    pub(crate) fn or_page(self) -> Self {
        Self { has_page: true, ..self }
    }

    /// A client may keep the answer and ask whether it is still right.
    pub(crate) fn revalidated(mut self) -> Self {
        let tag = header("If-None-Match", "Tags of what the client has; 304 where one is still right.");
        self.parameters.push(tag.schema(Some(string())));
        let unchanged = "What the client has is still right.";
        self.header(200, "ETag", "Names this state of the answer.").answers_nothing(304, unchanged)
    }

    /// The answer to who asks for it in another form, which is no error.
    pub(crate) fn also_as(mut self, media_type: &'static str, schema: &'static str) -> Self {
        self.also.push((media_type, schema));
        self
    }

    /// A header of an answer.
    pub(crate) fn header(mut self, status: u16, name: &'static str, description: &'static str) -> Self {
        self.headers.push((status, name, description));
        self
    }

    /// Errors that it may give.
    pub(crate) fn fails(mut self, kinds: &[&'static Kind]) -> Self {
        self.errors.extend(kinds);
        self
    }

    /// Adds the operation to the paths of a document.
    pub(crate) fn add_to(paths: PathsBuilder, operation: Self) -> PathsBuilder {
        let (method, path) = (operation.method.clone(), operation.path);
        paths.path(path, PathItem::new(method, operation.build()))
    }

    fn build(mut self) -> OperationBuilder {
        let mut operation = OperationBuilder::new()
            .operation_id(Some(self.id))
            .summary(Some(self.summary))
            .tag(self.tag)
            .securities(Some(security::requirements(self.right())))
            .request_body(self.body.take().map(RequestBodyBuilder::build));
        for parameter in std::mem::take(&mut self.parameters) {
            operation = operation.parameter(parameter);
        }
        for (status, response) in self.success_responses().into_iter().chain(self.error_responses()) {
            let mut response = response;
            if let Some(class) = self.traffic().class {
                let policy =
                    format!("Where limits are on: the limit, such as `\"{}\";q=100;w=60`.", class.name());
                let left =
                    format!("Where limits are on: what is left, such as `\"{}\";r=57;t=12`.", class.name());
                response =
                    response.header("RateLimit-Policy", told(&policy)).header("RateLimit", told(&left));
            }
            let id = told("The id of the request, as in the server's log.");
            operation = operation.response(status.to_string(), response.header("X-Request-Id", id));
        }
        operation
    }

    fn success_responses(&self) -> Vec<(u16, ResponseBuilder)> {
        let mut responses = Vec::new();
        for (status, description, schema) in &self.successes {
            let mut response = ResponseBuilder::new().description(*description);
            if let Some(schema) = schema {
                let content = ContentBuilder::new();
                let content = match self.media_type {
                    "application/json" => content.schema(Some(Ref::from_schema_name(*schema))),
                    _ => content.schema(Some(string())),
                };
                response = response.content(self.media_type, content.build());
                if self.has_page {
                    let page = ContentBuilder::new().schema(Some(string())).build();
                    response = response.content("text/html", page);
                }
                for (media_type, schema) in self.also.iter().filter(|_| *status == 200) {
                    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(*schema)));
                    response = response.content(*media_type, content.build());
                }
            }
            for (_, name, description) in self.headers.iter().filter(|(at, ..)| at == status) {
                response = response.header(*name, told(description));
            }
            if self.surface != Surface::Operation && self.method != HttpMethod::Get {
                let position = "The position in the order of all changes that includes what was done.";
                response = response.header("Feed-Position", told(position));
            }
            if self.method == HttpMethod::Post {
                response =
                    response.header("Idempotency-Replayed", told("`true` where the answer is given again."));
            }
            responses.push((*status, response));
        }
        if self.method == HttpMethod::Get && self.surface == Surface::V1 {
            let mut unchanged = ResponseBuilder::new().description("What the client has is still right.");
            for (_, name, description) in self.headers.iter().filter(|(_, name, _)| *name == "Feed-Position")
            {
                unchanged = unchanged.header(*name, told(description));
            }
            responses.push((304, unchanged.header("ETag", told("Names this state of the answer."))));
        }
        responses
    }

    fn error_responses(&self) -> Vec<(u16, ResponseBuilder)> {
        let mut titles: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for kind in &self.errors {
            let titles = titles.entry(kind.status).or_default();
            if !titles.contains(&kind.title) {
                titles.push(kind.title);
            }
        }
        let (media_type, schema) = match self.surface {
            Surface::Classic => ("application/json", "ClassicError"),
            Surface::V1 | Surface::Operation => ("application/problem+json", "Problem"),
        };
        let responses = titles.into_iter().map(|(status, titles)| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
            let response = ResponseBuilder::new().description(titles.join(". ")).content(media_type, content);
            let response = match status {
                401 | 403 => response
                    .header("WWW-Authenticate", told("How to show a credential that is enough (RFC 6750).")),
                429 | 503 => response.header("Retry-After", told("When to ask again, in seconds.")),
                _ => response,
            };
            (status, response)
        });
        responses.collect()
    }
}

/// A parameter with its name and meaning.
pub(crate) fn named(name: &str, description: &str) -> ParameterBuilder {
    // A new parameter is one of the path, which has to be there whatever is said; so the place is said first.
    let parameter = ParameterBuilder::new().name(name).description(Some(description));
    parameter.parameter_in(ParameterIn::Query).required(Required::False)
}

fn header(name: &str, description: &str) -> ParameterBuilder {
    named(name, description).parameter_in(ParameterIn::Header)
}

fn tag_schema(parameter: ParameterBuilder) -> ParameterBuilder {
    parameter.schema(Some(string()))
}

fn told(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(string())).description(Some(description)).build()
}

/// Any text.
pub(crate) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A text of at least so many characters.
pub(crate) fn string_of(min: usize) -> ObjectBuilder {
    string().min_length(Some(min))
}

/// A UUID.
pub(crate) fn uuid() -> ObjectBuilder {
    string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}
