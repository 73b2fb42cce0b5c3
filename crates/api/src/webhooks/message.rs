//! What a delivery says, as JSON.

use feed_me_domain::{
    StoreError,
    ports::{Message, MessageContent, MessageWriter},
};
use serde::Serialize;

use crate::{
    v1::events::EventView,
    views::{ActivityView, Time},
};

/// Messages in the form that Standard Webhooks recommends: `type`, `timestamp`, `data`.
pub struct JsonMessages;

impl MessageWriter for JsonMessages {
    fn write(&self, message: &Message) -> Result<String, StoreError> {
        let data = match &message.content {
            MessageContent::Event { event, activity } => Data::Event {
                event: EventView::from(event),
                activity: activity.as_deref().map(|activity| Box::new(ActivityView::from(activity))),
            },
            MessageContent::Missing { after, position } => {
                Data::Missing { after: after.to_string(), position: position.to_string() }
            }
        };
        let view = MessageView { kind: message.kind.as_str(), timestamp: Time(message.at), data };
        let failed = |error| StoreError::Failed(format!("a message of a webhook is no JSON: {error}"));
        serde_json::to_string(&view).map_err(failed)
    }
}

#[derive(Serialize)]
struct MessageView<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Time,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    /// The event as `GET /v1/events` tells it, and the activity as it is by now; null where there is none (any more).
    Event {
        #[serde(flatten)]
        event: EventView,
        activity: Option<Box<ActivityView<'a>>>,
    },
    /// The events after one position up to another are missing.
    Missing { after: String, position: String },
}

#[cfg(test)]
mod tests {
    use feed_me_domain::{
        Activity, ActivityId, Data, Timestamp, Username, Verb, ports::LoggedEvent, sequence::EventKind,
        webhook::MessageKind,
    };
    use serde_json::{Value, json};

    use super::*;

    fn written(content: MessageContent, kind: MessageKind) -> Value {
        let at = Timestamp::parse("2026-02-24T21:20:58.123456Z").unwrap();
        let text = JsonMessages.write(&Message { kind, at, content }).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn event(activity: Option<ActivityId>) -> LoggedEvent {
        let at = Timestamp::parse("2026-02-24T21:20:58.123456Z").unwrap();
        LoggedEvent { position: 7, at, kind: EventKind::ActivityAdded, activity, user: None, other: None }
    }

    #[test]
    fn an_event_is_told_with_its_activity() {
        let id = ActivityId::parse("019c91a9-5b3b-7123-8000-000000000000").unwrap();
        let activity = Activity {
            id,
            actor: Username::parse("ivan").unwrap(),
            verb: Verb::parse("share").unwrap(),
            object: None,
            target: None,
            published: Timestamp::EPOCH,
            edited_at: None,
            external_id: None,
            data: Data::parse(r#"{"a":1}"#).unwrap(),
            version: 1,
        };
        let kind = MessageKind::Event(EventKind::ActivityAdded);
        let content = MessageContent::Event { event: event(Some(id)), activity: Some(Box::new(activity)) };
        let told = written(content, kind);
        assert_eq!(
            (&told["type"], &told["timestamp"]),
            (&json!("activity.added"), &json!("2026-02-24T21:20:58.123456Z"))
        );
        assert_eq!(
            (&told["data"]["position"], &told["data"]["kind"]),
            (&json!("7"), &json!("activity.added"))
        );
        assert_eq!(told["data"]["activity_id"], id.to_string());
        assert_eq!(
            (&told["data"]["activity"]["actor"], &told["data"]["activity"]["data"]),
            (&json!("ivan"), &json!({"a": 1}))
        );
        let content = MessageContent::Event { event: event(Some(id)), activity: None };
        assert_eq!(written(content, kind)["data"]["activity"], Value::Null);
    }

    #[test]
    fn what_is_missing_is_told_by_positions() {
        let told = written(MessageContent::Missing { after: 3, position: 40 }, MessageKind::Resync);
        assert_eq!(
            (&told["type"], &told["data"]),
            (&json!("resync"), &json!({"after": "3", "position": "40"}))
        );
    }
}
