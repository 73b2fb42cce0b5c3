//! Pages of feeds: first the keys of the items, by indexes that hold keys alone, then the bodies of those by their keys.
//! All of a page is read from one snapshot.

pub(super) mod keys;

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::{SqliteConnection, prelude::*};
use feed_me_domain::{
    Activity, ActivityId, FeedQuery, FeedSlice, Follow, RelationKind, UserKey, Username,
    error::StoreError,
    ports::{Explained, FeedRepository, VisibilityFacts},
};

use super::{
    SqliteStore, activities,
    errors::Trouble,
    follows, names, relations,
    rows::{self, ActivityTypes, activity_columns},
    schema::{sequence, users},
    sql,
};

#[async_trait]
impl FeedRepository for SqliteStore {
    async fn page(&self, query: &FeedQuery) -> Result<Option<FeedSlice>, StoreError> {
        let query = query.clone();
        self.read(move |conn| conn.transaction(|conn| page(conn, &query))).await
    }

    async fn explain(&self, viewer: &Username, activity: ActivityId) -> Result<Explained, StoreError> {
        let viewer = viewer.clone();
        self.read(move |conn| conn.transaction(|conn| explain(conn, viewer, activity))).await
    }
}

fn page(conn: &mut SqliteConnection, query: &FeedQuery) -> Result<Option<FeedSlice>, Trouble> {
    type Columns = (i64, Vec<u8>, i64, Option<i64>);
    let found = users::table.filter(users::username.eq(query.owner.as_str()));
    let position = sequence::table.select(sequence::position).single_value();
    let columns = (users::key, users::id, users::following, position);
    let Some((key, id, following, position)) = found.select(columns).first::<Columns>(conn).optional()?
    else {
        return Ok(None);
    };
    let keys = keys::of(conn, UserKey(key), following, query)?;
    Ok(Some(FeedSlice::whole(rows::user_id(&id)?, position.unwrap_or_default(), bodies(conn, &keys)?)))
}

/// The activities of these ids, in their order, by one question that reads the primary key alone.
pub(super) fn bodies(conn: &mut SqliteConnection, ids: &[ActivityId]) -> Result<Vec<Activity>, Trouble> {
    const BODIES: &str = concat!(
        "select ",
        activity_columns!(),
        " from json_each(?1) k cross join activities a on a.id = unhex(k.value) \
          cross join users u on u.key = a.actor left join users t on t.key = a.target"
    );
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let asked = rows::json(ids.iter().copied().map(rows::hex));
    let found = sql::query::<ActivityTypes>(BODIES).bind(asked).load(conn)?.into_iter();
    let mut found: HashMap<ActivityId, Activity> = found
        .map(|cells| rows::activity(cells).map(|activity| (activity.id, activity)))
        .collect::<Result<_, _>>()?;
    let missing = |id| Trouble::Stored(format!("an index names the activity {id}, which is not there"));
    ids.iter().map(|id| found.remove(id).ok_or_else(|| missing(id))).collect()
}

fn explain(
    conn: &mut SqliteConnection,
    viewer: Username,
    activity: ActivityId,
) -> Result<Explained, Trouble> {
    let Some(key) = names::key_of(conn, &viewer)? else { return Ok(Explained::UnknownViewer) };
    let Some(activity) = activities::find(conn, activity)? else { return Ok(Explained::UnknownActivity) };
    let actor = names::key_of(conn, &activity.actor)?
        .ok_or_else(|| Trouble::stored("actor", "there is no such user"))?;
    let edge = follows::edge(conn, key, actor)?;
    let follow = edge.current.map(|current| Follow {
        follower: viewer,
        followee: activity.actor.clone(),
        since: current.since,
        from: current.from,
    });
    Ok(Explained::Facts(Box::new(VisibilityFacts {
        activity,
        is_own: key == actor,
        edge,
        follow,
        mutes: relations::since(conn, RelationKind::Mute, key, actor)?.is_some(),
        blocks: relations::since(conn, RelationKind::Block, key, actor)?.is_some(),
        blocked_by: relations::since(conn, RelationKind::Block, actor, key)?.is_some(),
    })))
}
