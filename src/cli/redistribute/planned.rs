//! The plan of a survey, made once with everybody and again without those who are set aside.
//!
//! In: what was gathered and recorded, the rules of the server, the journal. Out: the plan. It changes nothing.

use super::super::Failure;
use super::aside::Aside;
use super::machine::{issued_environment, with_world};
use super::surveyed::{delivered, recorded_name};
use crate::alert::name;
use crate::redistribution::gather::Gathered;
use crate::redistribution::join::{Record, Success};
use crate::redistribution::model::Run;
use crate::redistribution::plan::{Job, Plan};
use crate::redistribution::planning::{self, Selection};
use crate::redistribution::runner;
use crate::rules::logs::LogRules;
use crate::rules::redistribution::ServerRule;
use crate::store::Store;
use crate::store::journal::Journal;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What a plan is made of besides the logs.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) gathered: Gathered,
    pub(super) records: Vec<Record>,
    pub(super) successes: Vec<Success>,
    pub(super) selection: Selection,
}

/// Whether a run is one of the server that is asked for.
pub(super) fn is_own(run: &Run, server: &str) -> bool {
    run.server.as_deref().is_none_or(|other| name::same(other, server))
}

/// Makes the plan.
pub(super) fn planned(
    sources: &Sources,
    logs: &LogRules,
    rule: &ServerRule,
    journal: Option<&Journal>,
    store: Option<&Store>,
    aside: &Aside,
) -> Result<Plan, Failure> {
    let Sources { gathered, records, successes, selection } = sources;
    let device = |name: &str| recorded_name(store?, name);
    let environment = issued_environment(rule);
    let narrowing_of = |rule: &str| logs.named(runner::rule_of(rule))?.narrowing.clone();
    let trouble = RefCell::new(None);
    let of_journal = |job: &Job| match journal.map(|journal| delivered(journal, job)) {
        Some(Ok(delivered)) => delivered,
        Some(Err(failure)) => {
            trouble.borrow_mut().get_or_insert(failure);
            BTreeMap::new()
        }
        None => BTreeMap::new(),
    };
    let known: Option<planning::Delivered<'_>> = if journal.is_some() { Some(&of_journal) } else { None };
    let is_aside = |packages: &[String], name: &str| aside.why(packages, name);
    let plan = with_world(rule, &environment, &narrowing_of, &device, known, |world| {
        let world = planning::World { aside: &is_aside, ..*world };
        let own = |run: &Run| is_own(run, &selection.server);
        planning::plan(gathered.runs().filter(own), records, successes, selection, &world)
    });
    // What is delivered and not known to be could be issued twice.
    trouble.take().map_or(Ok(plan), Err)
}
