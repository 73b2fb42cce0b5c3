use std::{collections::HashSet, sync::Arc};

use crate::{
    activity::{Activity, ActivityDraft, ActivityPatch, NewActivity, Precondition},
    error::{Error, Fault, Result},
    given::Given,
    id::ActivityId,
    idempotency::{Attempt, Keyed},
    ports::{ActivityRepository, Atomicity, BatchPosted, Clock, Deleted, Edited, Posted, UserRepository},
    services::UserService,
    text::{ExternalId, Username},
};

/// Posting, editing and deleting activities.
pub struct ActivityService {
    activities: Arc<dyn ActivityRepository>,
    users: Arc<dyn UserRepository>,
    clock: Arc<dyn Clock>,
}

/// An activity that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is new.
    Created(Activity),
    /// It had been posted before, under the same external id.
    Existing(Activity),
}

impl Stored {
    /// The activity as it is now.
    pub fn activity(&self) -> &Activity {
        match self {
            Self::Created(activity) | Self::Existing(activity) => activity,
        }
    }
}

/// An outcome for each item of a batch, in the order sent.
pub type BatchResults = Vec<Result<Stored>>;

impl ActivityService {
    /// The most items of a batch.
    pub const BATCH_MAX: usize = 1000;

    /// A service on a store and a clock.
    pub fn new(
        activities: Arc<dyn ActivityRepository>,
        users: Arc<dyn UserRepository>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { activities, users, clock }
    }

    /// Posts an activity. All faults of the draft are told at once, names that nobody has among them.
    pub async fn post(&self, draft: ActivityDraft, keyed: Option<Keyed<Stored>>) -> Result<Attempt<Stored>> {
        let activity = match draft.checked(self.clock.now()) {
            Ok(activity) => activity,
            Err(faulty) => return Err(Error::Invalid(self.all_faults(*faulty).await?)),
        };
        let names = Names::of(&activity);
        let judge = move |posted| names.judge(posted);
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.activities.post(activity, keyed).await?.try_map(judge)
    }

    /// Posts many. Each item is answered for itself, or, with [`Atomicity::AllOrNone`], all are stored or the call fails
    /// with the faults of all, their pointers leading into the batch.
    pub async fn post_batch(
        &self,
        drafts: Vec<ActivityDraft>,
        atomicity: Atomicity,
        keyed: Option<Keyed<BatchResults>>,
    ) -> Result<Attempt<BatchResults>> {
        if drafts.is_empty() || Self::BATCH_MAX < drafts.len() {
            let sent = drafts.len();
            return Err(Error::fault(
                "/activities",
                format!("has {sent} items; a batch has 1 to {}", Self::BATCH_MAX),
            ));
        }
        let (checked, good) = self.check_batch(drafts, atomicity).await?;
        if atomicity == Atomicity::AllOrNone && good.len() < checked.len() {
            let faults =
                checked.into_iter().enumerate().filter_map(|(index, item)| Some((index, item.err()?)));
            return Err(Error::Invalid(
                faults.flat_map(|(index, faults)| into_batch(index, faults)).collect(),
            ));
        }
        let judge = move |posted: BatchPosted| {
            let results = merge(&checked, posted.outcomes);
            if posted.stored {
                return Ok(results);
            }
            let failed =
                results.into_iter().enumerate().filter_map(|(index, result)| Some((index, result.err()?)));
            Err(Error::Invalid(
                failed.flat_map(|(index, error)| into_batch(index, as_faults(error))).collect(),
            ))
        };
        let keyed = keyed.map(|keyed| keyed.judged(judge.clone()));
        self.activities.post_batch(good, atomicity, keyed).await?.try_map(judge)
    }

    /// The activity of an id.
    pub async fn get(&self, id: ActivityId) -> Result<Activity> {
        self.activities.find(id).await?.ok_or(Error::UnknownActivity(id))
    }

    /// Those of these activities that are there, in any order: the bodies of the entries of a feed.
    pub async fn bodies(&self, ids: &[ActivityId]) -> Result<Vec<Activity>> {
        Ok(self.activities.find_many(ids).await?)
    }

    /// The activity of an actor's external id.
    pub async fn find_external(
        &self,
        actor: &Username,
        external_id: &ExternalId,
    ) -> Result<Option<Activity>> {
        Ok(self.activities.find_external(actor, external_id).await?)
    }

    /// Edits an activity.
    pub async fn edit(
        &self,
        id: ActivityId,
        patch: ActivityPatch,
        precondition: Precondition,
    ) -> Result<Activity> {
        match self.activities.edit(id, patch, precondition).await? {
            Edited::Edited(activity) => Ok(activity),
            Edited::Unknown => Err(Error::UnknownActivity(id)),
            Edited::PreconditionFailed => Err(Error::PreconditionFailed(id)),
            Edited::UnknownTarget(name) => Err(Error::Invalid(vec![Fault::unknown_user("/target", name)])),
        }
    }

    /// The faults of a patch that cannot be applied, with its target's where nobody has that name.
    pub async fn patch_faults(&self, mut faults: Vec<Fault>, patch: &ActivityPatch) -> Result<Vec<Fault>> {
        if let Given::Value(name) = &patch.target {
            faults.extend(
                UserService::unknown_among(&*self.users, &[("/target".to_owned(), name.clone())]).await?,
            );
        }
        Ok(faults)
    }

    /// Deletes an activity.
    pub async fn delete(&self, id: ActivityId, precondition: Precondition) -> Result<()> {
        match self.activities.delete(id, precondition).await? {
            Deleted::Deleted => Ok(()),
            Deleted::Unknown => Err(Error::UnknownActivity(id)),
            Deleted::PreconditionFailed => Err(Error::PreconditionFailed(id)),
        }
    }

    async fn all_faults(&self, draft: ActivityDraft) -> Result<Vec<Fault>> {
        let names: Vec<_> =
            draft.names().into_iter().map(|(pointer, name)| (pointer.to_owned(), name)).collect();
        let mut faults = draft.faults;
        faults.extend(UserService::unknown_among(&*self.users, &names).await?);
        Ok(faults)
    }

    /// Sorts a batch into what the store is asked for and what it need not see. The names of all faulty items are looked
    /// up in one question; those of good items are the store's to check, unless the whole batch fails before it is asked.
    async fn check_batch(
        &self,
        drafts: Vec<ActivityDraft>,
        atomicity: Atomicity,
    ) -> Result<(Vec<CheckedItem>, Vec<NewActivity>)> {
        let now = self.clock.now();
        let mut good = Vec::with_capacity(drafts.len());
        let mut checked: Vec<CheckedItem> = Vec::with_capacity(drafts.len());
        let mut names = Vec::new();
        for (index, draft) in drafts.into_iter().enumerate() {
            match draft.checked(now) {
                Ok(activity) => {
                    checked.push(Ok(Names::of(&activity)));
                    good.push(activity);
                }
                Err(faulty) => {
                    names.extend(faulty.names().into_iter().map(|(pointer, name)| (index, pointer, name)));
                    checked.push(Err(faulty.faults));
                }
            }
        }
        if atomicity == Atomicity::AllOrNone && good.len() < checked.len() {
            for (index, item) in checked.iter().enumerate() {
                let places = item.iter().flat_map(Names::places);
                names.extend(places.map(|(pointer, name)| (index, pointer, name)));
            }
        }
        let asked: Vec<Username> = names.iter().map(|(_, _, name)| name.clone()).collect();
        let unknown = if asked.is_empty() { Vec::new() } else { self.users.unknown(&asked).await? };
        let unknown: HashSet<Username> = unknown.into_iter().collect();
        names.retain(|(_, _, name)| unknown.contains(name));
        for (index, pointer, name) in names {
            let fault = Fault::unknown_user(pointer, name);
            match &mut checked[index] {
                Err(faults) => faults.push(fault),
                good => *good = Err(vec![fault]),
            }
        }
        Ok((checked, good))
    }
}

/// What is known of an item before the store is asked: the names of a good one, the faults of another.
type CheckedItem = std::result::Result<Names, Vec<Fault>>;

/// The names of an activity, for the errors that tell them.
#[derive(Clone, Debug)]
struct Names {
    actor: Username,
    target: Option<Username>,
    external_id: Option<ExternalId>,
}

impl Names {
    fn of(activity: &NewActivity) -> Self {
        Self {
            actor: activity.actor.clone(),
            target: activity.target.clone().value(),
            external_id: activity.external_id.clone(),
        }
    }

    fn places(&self) -> impl Iterator<Item = (&'static str, Username)> {
        let target = self.target.clone().map(|name| ("/target", name));
        std::iter::once(("/actor", self.actor.clone())).chain(target)
    }

    fn judge(&self, posted: Posted) -> Result<Stored> {
        match posted {
            Posted::Created(activity) => Ok(Stored::Created(activity)),
            Posted::Existing(activity) => Ok(Stored::Existing(activity)),
            Posted::ExternalIdTaken(stored) => match &self.external_id {
                Some(external_id) => Err(Error::ExternalIdTaken {
                    actor: self.actor.clone(),
                    external_id: external_id.clone(),
                    stored: stored.id,
                }),
                None => Ok(Stored::Existing(stored)),
            },
            Posted::UnknownUsers { actor, target } => {
                let actor = actor.then(|| Fault::unknown_user("/actor", self.actor.clone()));
                let target =
                    self.target.clone().filter(|_| target).map(|name| Fault::unknown_user("/target", name));
                Err(Error::Invalid(actor.into_iter().chain(target).collect()))
            }
        }
    }
}

/// Puts the outcomes of the good items back between the faulty ones.
fn merge(checked: &[CheckedItem], outcomes: Vec<Posted>) -> BatchResults {
    let mut outcomes = outcomes.into_iter();
    checked
        .iter()
        .map(|item| match item {
            Err(faults) => Err(Error::Invalid(faults.clone())),
            Ok(names) => match outcomes.next() {
                Some(posted) => names.judge(posted),
                None => Err(Error::Store(crate::StoreError::Failed(
                    "the store left an item of a batch unanswered".to_owned(),
                ))),
            },
        })
        .collect()
}

fn into_batch(index: usize, faults: Vec<Fault>) -> impl Iterator<Item = Fault> {
    faults
        .into_iter()
        .map(move |fault| Fault { pointer: format!("/activities/{index}{}", fault.pointer), ..fault })
}

fn as_faults(error: Error) -> Vec<Fault> {
    match error {
        Error::Invalid(faults) => faults,
        taken @ Error::ExternalIdTaken { .. } => vec![Fault::new("/external_id", taken)],
        other => vec![Fault::new("", other)],
    }
}
