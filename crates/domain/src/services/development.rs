use std::sync::Arc;

use crate::{
    activity::{Activity, NewActivity},
    error::{Error, Result},
    follow::Follow,
    given::Given,
    id::UserKey,
    ports::{DevelopmentRepository, Fixture, ResetDone},
    text::{InvalidText, Object, Username, Verb},
};

/// What the classic routes for development do.
pub struct DevelopmentService {
    store: Arc<dyn DevelopmentRepository>,
}

impl DevelopmentService {
    /// The most users a database may have to be reset.
    pub const RESET_USERS_MAX: usize = 5000;
    /// The most activities that a listing for development shows.
    pub const ACTIVITIES_MAX: usize = 1000;
    /// The most users, and follows, that one shows: all of a database that can be reset, and no more than memory holds.
    pub const PEOPLE_MAX: usize = 100_000;

    /// A service on a store.
    pub fn new(store: Arc<dyn DevelopmentRepository>) -> Self {
        Self { store }
    }

    /// Wipes everything and loads the fixture of the first feed-me.
    pub async fn reset(&self) -> Result<()> {
        let fixture = fixture().map_err(|error| Error::fault("", error))?;
        match self.store.reset(fixture, Self::RESET_USERS_MAX).await? {
            ResetDone::Reset => Ok(()),
            ResetDone::TooLarge => Err(Error::TooLargeToReset { limit: Self::RESET_USERS_MAX }),
        }
    }

    /// The first users, by number.
    pub async fn users(&self) -> Result<Vec<(UserKey, Username)>> {
        Ok(self.store.users(Self::PEOPLE_MAX).await?)
    }

    /// The first activities, in order of arrival.
    pub async fn activities(&self) -> Result<Vec<Activity>> {
        Ok(self.store.activities(Self::ACTIVITIES_MAX).await?)
    }

    /// The first follows, in order of arrival.
    pub async fn follows(&self) -> Result<Vec<Follow>> {
        Ok(self.store.follows(Self::PEOPLE_MAX).await?)
    }

    /// Fails where the store cannot serve.
    pub async fn ready(&self) -> Result<()> {
        Ok(self.store.ready().await?)
    }
}

/// Three users, four activities, one follow: what the first feed-me's tests begin with.
fn fixture() -> std::result::Result<Fixture, InvalidText> {
    let [ivan, niko, eric] = [Username::parse("ivan")?, Username::parse("niko")?, Username::parse("eric")?];
    let activity = |actor: &Username, verb: &str, object: &str, target: Option<&Username>| {
        Ok(NewActivity {
            actor: actor.clone(),
            verb: Verb::parse(verb)?,
            object: Given::Value(Object::parse(object)?),
            target: target.cloned().map_or(Given::Absent, Given::Value),
            published: None,
            external_id: None,
            data: None,
        })
    };
    Ok(Fixture {
        activities: vec![
            activity(&ivan, "share", "post:1", Some(&eric))?,
            activity(&niko, "like", "post:2", Some(&ivan))?,
            activity(&eric, "post", "post:3", None)?,
            activity(&ivan, "follow", "null", Some(&niko))?,
        ],
        follows: vec![(ivan.clone(), eric.clone())],
        users: vec![ivan, niko, eric],
    })
}
