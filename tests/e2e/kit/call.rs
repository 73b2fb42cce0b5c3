use std::pin::Pin;

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::kit::Answer;

/// A request that is being put together. Awaiting it sends it.
#[must_use = "a call is sent when it is awaited"]
pub(crate) struct Call {
    asked: String,
    is_v1: bool,
    request: RequestBuilder,
}

impl Call {
    pub(crate) fn new(asked: String, is_v1: bool, request: RequestBuilder) -> Self {
        Self { asked, is_v1, request }
    }

    pub(crate) fn header(self, name: &str, value: impl AsRef<str>) -> Self {
        let asked = format!("{}\n  {name}: {}", self.asked, value.as_ref());
        Self { asked, request: self.request.header(name, value.as_ref()), ..self }
    }

    /// With an `Idempotency-Key`.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// With a JSON body.
    #[expect(clippy::needless_pass_by_value, reason = "reads as `.json(json!({…}))`")]
    pub(crate) fn json(self, body: Value) -> Self {
        self.text("application/json", body.to_string())
    }

    /// With a body of any media type.
    pub(crate) fn text(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", content_type).bare(body)
    }

    /// With a body and no word about what it is.
    pub(crate) fn bare(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let shown = String::from_utf8_lossy(&body).chars().take(600).collect::<String>();
        Self { asked: format!("{}\n\n  {shown}", self.asked), request: self.request.body(body), ..self }
    }
}

impl Call {
    /// Sends it to a server that may be gone. What it answers keeps every promise all the same.
    pub(crate) async fn attempt(self) -> Result<Answer, reqwest::Error> {
        let answer = self.request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.bytes().await?.to_vec();
        let answer = Answer { asked: self.asked, status, headers, bytes };
        answer.keeps_every_promise(self.is_v1);
        Ok(answer)
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let asked = self.asked.clone();
        Box::pin(async move {
            match self.attempt().await {
                Ok(answer) => answer,
                Err(error) => panic!("{asked}: no answer: {error:?}"),
            }
        })
    }
}
