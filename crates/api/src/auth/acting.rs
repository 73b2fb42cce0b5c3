//! The caller, as handlers ask about them.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use feed_me_domain::{
    ActivityDraft, Attempt, Caller, Denial, Error, Keyed, Username, ports::Atomicity, services::BatchResults,
};

use crate::{passage::Passage, problem::Failure};

/// Who sent a request that was let in.
#[derive(Clone)]
pub struct Acting(pub Arc<Caller>);

impl FromRequest for Acting {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(Passage::of(request).as_deref()))
    }
}

/// What the idempotency keys of a request are told apart by.
pub fn credential_of(passage: Option<&Passage>) -> Vec<u8> {
    passage.and_then(Passage::acting).map(|acting| acting.0.credential()).unwrap_or_default()
}

impl Acting {
    /// Who sent a request of which this is known.
    pub fn of(passage: Option<&Passage>) -> Result<Self, Failure> {
        let acting = passage.and_then(Passage::acting).cloned();
        acting.ok_or_else(|| Failure::internal("a request was let in without a word who sent it"))
    }

    /// Refuses to act in the name of another. Where there is no name yet, that is told as a fault elsewhere.
    pub fn as_actor(&self, actor: Option<&Username>) -> Result<(), Failure> {
        Ok(actor.map_or(Ok(()), |actor| self.0.may_act_as(actor))?)
    }

    /// Sorts out the items of a batch that are in the name of another. All or none means that one of them is enough to
    /// refuse the batch; so it is where there is nothing else in it.
    pub fn in_batch(
        &self,
        drafts: Vec<ActivityDraft>,
        atomicity: Atomicity,
    ) -> Result<(Vec<ActivityDraft>, Others), Failure> {
        let denials: Vec<_> = drafts.iter().map(|draft| self.denial(draft)).collect();
        let first = denials.iter().find_map(Clone::clone);
        if let Some(denial) = first
            && (atomicity == Atomicity::AllOrNone || denials.iter().all(Option::is_some))
        {
            return Err(denial.into());
        }
        let own = drafts.into_iter().zip(&denials).filter(|(_, denial)| denial.is_none());
        Ok((own.map(|(draft, _)| draft).collect(), Others(denials)))
    }

    fn denial(&self, draft: &ActivityDraft) -> Option<Denial> {
        self.0.may_act_as(draft.actor.as_ref()?).err()
    }
}

/// Which items of a batch are in the name of another, and may not be.
#[derive(Clone)]
pub struct Others(Vec<Option<Denial>>);

impl Others {
    /// The key of the whole batch, for the part of it that the store is asked for.
    pub fn keyed(&self, keyed: Option<Keyed<BatchResults>>) -> Option<Keyed<BatchResults>> {
        let others = self.clone();
        keyed.map(|keyed| keyed.judged(move |results| Ok::<_, Error>(others.merged(results))))
    }

    /// The results of the whole batch.
    pub fn results(&self, attempt: Attempt<BatchResults>) -> Result<Attempt<BatchResults>, Failure> {
        attempt.try_map(|results| Ok::<_, Error>(self.merged(results))).map_err(Failure::from)
    }

    fn merged(&self, results: BatchResults) -> BatchResults {
        let mut results = results.into_iter();
        let merged = self.0.iter().filter_map(|denial| match denial {
            Some(denial) => Some(Err(Error::Forbidden(denial.clone()))),
            None => results.next(),
        });
        merged.collect()
    }
}
