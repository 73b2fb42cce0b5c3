//! The routes for development.

use serde::Serialize;

use super::views::{ClassicActivityView, ClassicFollowView, ClassicUserView};
use crate::{
    reply::{Answer, Reply},
    shared::Classic,
};

/// Wipe everything and load the fixture.
pub async fn reset(app: Classic) -> Answer {
    #[derive(Serialize)]
    struct ResetView<'a> {
        #[serde(rename = "Activities")]
        activities: Vec<ClassicActivityView<'a>>,
        #[serde(rename = "Followings")]
        followings: Vec<ClassicFollowView<'a>>,
        users: Vec<ClassicUserView<'a>>,
    }
    let development = &app.services.development;
    development.reset().await?;
    let (activities, follows) = (development.activities().await?, development.follows().await?);
    let users = development.users().await?;
    let view = ResetView {
        activities: activities.iter().map(ClassicActivityView::from).collect(),
        followings: follows.iter().map(ClassicFollowView::from).collect(),
        users: users.iter().map(ClassicUserView::from).collect(),
    };
    Ok(Reply::classic(&view)?.never_kept())
}

/// List users.
pub async fn users(app: Classic) -> Answer {
    let users = app.services.development.users().await?;
    Reply::classic(&users.iter().map(ClassicUserView::from).collect::<Vec<_>>())
}

/// List activities, in order of arrival.
pub async fn activities(app: Classic) -> Answer {
    let activities = app.services.development.activities().await?;
    Reply::classic(&activities.iter().map(ClassicActivityView::from).collect::<Vec<_>>())
}

/// List follows, in order of arrival.
pub async fn follows(app: Classic) -> Answer {
    let follows = app.services.development.follows().await?;
    Reply::classic(&follows.iter().map(ClassicFollowView::from).collect::<Vec<_>>())
}
