use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::{
    client::Client,
    error::Result,
    listing::Listing,
    model::{
        Stored,
        links::{Follow, FollowFrom, FollowResult, Relation, Relationship},
    },
};

impl Client {
    /// One user follows another. A follow that is there stays as it is.
    pub async fn follow(&self, follower: &str, followee: &str) -> Result<Stored<Follow>> {
        self.request(Method::PUT, &["users", follower, "following", followee]).send().await?.stored()
    }

    /// The same, and which activities it shows from now on.
    pub async fn follow_from(
        &self,
        follower: &str,
        followee: &str,
        from: FollowFrom,
    ) -> Result<Stored<Follow>> {
        let request = self.request(Method::PUT, &["users", follower, "following", followee]);
        request.json(&json!({ "from": from }))?.send().await?.stored()
    }

    /// A follow, and its history in the feed, is over. Where there was none that is a
    /// [`FollowNotFound`](crate::ProblemKind::FollowNotFound).
    pub async fn unfollow(&self, follower: &str, followee: &str) -> Result<()> {
        self.request(Method::DELETE, &["users", follower, "following", followee]).send().await.map(drop)
    }

    /// A follow is over, and what was published up to now stays in the feed.
    pub async fn unfollow_keeping_history(&self, follower: &str, followee: &str) -> Result<()> {
        let request = self.request(Method::DELETE, &["users", follower, "following", followee]);
        request.query("keep_history", "true").send().await.map(drop)
    }

    /// A follow.
    pub async fn follow_of(&self, follower: &str, followee: &str) -> Result<Follow> {
        self.get(&["users", follower, "following", followee]).send().await?.json()
    }

    /// Follows and unfollows up to 1,000 users. The results are of those to follow first.
    pub async fn follow_many(
        &self,
        follower: &str,
        follow: &[&str],
        unfollow: &[&str],
    ) -> Result<Vec<FollowResult>> {
        #[derive(Deserialize)]
        struct Results {
            results: Vec<FollowResult>,
        }
        let request = self.post_to(&["users", follower, "following"]);
        let answer = request.json(&json!({ "follow": follow, "unfollow": unfollow }))?.send().await?;
        Ok(answer.json::<Results>()?.results)
    }

    /// Whom a user follows, newest first.
    pub fn following(&self, username: &str) -> Listing<Follow> {
        Listing::of(self, &["users", username, "following"])
    }

    /// Who follows a user, newest first.
    pub fn followers(&self, username: &str) -> Listing<Follow> {
        Listing::of(self, &["users", username, "followers"])
    }

    /// How a user stands to 1 to 100 others. Who is no user is left out.
    pub async fn relationships(&self, username: &str, others: &[&str]) -> Result<Vec<Relationship>> {
        #[derive(Deserialize)]
        struct Relationships {
            relationships: Vec<Relationship>,
        }
        let request = self.get(&["users", username, "relationships"]);
        let request = others.iter().fold(request, |request, other| request.query("with", other));
        Ok(request.send().await?.json::<Relationships>()?.relationships)
    }

    /// A user blocks another: follows both ways go, and each is hidden from the other.
    pub async fn block(&self, username: &str, other: &str) -> Result<Stored<Relation>> {
        self.request(Method::PUT, &["users", username, "blocks", other]).send().await?.stored()
    }

    /// A block is over.
    pub async fn unblock(&self, username: &str, other: &str) -> Result<()> {
        self.request(Method::DELETE, &["users", username, "blocks", other]).send().await.map(drop)
    }

    /// Whom a user blocks, newest first.
    pub fn blocks(&self, username: &str) -> Listing<Relation> {
        Listing::of(self, &["users", username, "blocks"])
    }

    /// A user mutes another, whose activities stay out of the friends feed.
    pub async fn mute(&self, username: &str, other: &str) -> Result<Stored<Relation>> {
        self.request(Method::PUT, &["users", username, "mutes", other]).send().await?.stored()
    }

    /// A mute is over.
    pub async fn unmute(&self, username: &str, other: &str) -> Result<()> {
        self.request(Method::DELETE, &["users", username, "mutes", other]).send().await.map(drop)
    }

    /// Whom a user mutes, newest first.
    pub fn mutes(&self, username: &str) -> Listing<Relation> {
        Listing::of(self, &["users", username, "mutes"])
    }
}
