//! The OpenAPI document of both surfaces, made from the code: schemas from the views, errors from the table of
//! problems, operations from one list that a test compares with the routes.

mod bodies;
mod operation;
mod paths;
pub mod schemas;
pub mod security;

use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathsBuilder, ServerBuilder,
    tag::TagBuilder,
};

use crate::{
    classic::views::{ClassicActivityView, ClassicFollowView, ClassicUserView},
    problem::{ClassicErrorView, FaultView, ProblemView},
    v1::{
        activity_streams::{ActorView, AsActivityView, AsObjectView, OrderedCollectionPageView},
        batch::{BatchItemView, BatchView},
        changes::ChangesView,
        deliveries::DeliveryView,
        events::{EventPageView, EventView},
        feeds::{BecauseView, ExplanationView, ReasonView},
        follows::{FollowBatchView, FollowResultView},
        keys::{KeyView, MadeKeyView},
        notifications::{GroupView, NotificationPageView},
        tokens::MintedTokenView,
        webhooks::{MadeWebhookView, WebhookView},
    },
    views::{
        ActivityView, ErasedView, FollowView, ReceiptView, RelationView, RelationshipView, UserView,
        WindowView,
    },
};

const DESCRIPTION: &str = "Record who did what (actor verb object target), follow others, and read the feeds. \
    The classic routes at the root are those of the first feed-me and stay for ever; everything newer is under `/v1`. \
    Where `auth.mode` is `keys`, each route needs what its `security` says: a key with the scope, or, where it is named, the \
    token of a user; where `auth.mode` is `off`, none does. Errors of `/v1` are RFC 9457 problems. Every answer has an `X-Request-Id`. `HEAD` works where `GET` does, except \
    at `/reset`.";

/// The document.
pub fn openapi() -> OpenApi {
    let paths = paths::all().into_iter().fold(PathsBuilder::new(), operation::Operation::add_to);
    let info = InfoBuilder::new()
        .title("feed-me")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()));
    let tags = operation::TAGS
        .iter()
        .map(|(name, description)| TagBuilder::new().name(*name).description(Some(*description)).build());
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new().url("/").description(Some("This server")).build()]))
        .tags(Some(tags.collect::<Vec<_>>()))
        .paths(paths.build())
        .components(Some(components().build()))
        .build()
}

macro_rules! with_schemas {
    ($($schema:ty),* $(,)?) => { ComponentsBuilder::new()$(.schema_from::<$schema>())* };
}

fn components() -> ComponentsBuilder {
    with_schemas!(
        schemas::UsernameSchema,
        schemas::TimeSchema,
        schemas::DataSchema,
        schemas::ScopesSchema,
        schemas::KindsSchema,
        ProblemView<'static>,
        FaultView<'static>,
        ClassicErrorView<'static>,
        ActivityView<'static>,
        UserView<'static>,
        ReceiptView,
        ErasedView,
        FollowView<'static>,
        WindowView,
        RelationView<'static>,
        RelationshipView<'static>,
        BatchView<'static>,
        BatchItemView<'static>,
        FollowBatchView<'static>,
        FollowResultView<'static>,
        ExplanationView<'static>,
        BecauseView<'static>,
        ReasonView,
        KeyView<'static>,
        MadeKeyView<'static>,
        MintedTokenView<'static>,
        NotificationPageView<'static>,
        GroupView<'static>,
        ChangesView<'static>,
        OrderedCollectionPageView<'static>,
        AsActivityView<'static>,
        AsObjectView<'static>,
        ActorView<'static>,
        EventPageView,
        EventView,
        WebhookView<'static>,
        MadeWebhookView<'static>,
        DeliveryView<'static>,
        ClassicActivityView<'static>,
        ClassicFollowView<'static>,
        ClassicUserView<'static>,
    )
    .schemas_from_iter(bodies::schemas())
    .security_scheme(security::APPLICATION_KEY, security::application_key())
    .security_scheme(security::USER_TOKEN, security::user_token())
}
