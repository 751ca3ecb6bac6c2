//! Jobs of the writer, and what is left of them when they have run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::sync::oneshot;

use super::super::error::Error;
use super::super::post::Post;
use super::super::write_health::ProbePermit;
use super::super::{OnCommit, Read, Write};
use crate::user::UserId;

/// What the writer is asked for.
pub(super) enum Job {
    /// To run this inside the transaction.
    Change(Change),
    /// To run this inside the transaction, after reads that are known. It fails only before its first change.
    Foreseen(Foresight, Change),
    /// To find out whether the file can be written; the outcome of the batch tells.
    Probe(ProbePermit),
    /// To look for posts of other nodes.
    Look,
}

/// A job that changes something.
pub(super) type Change = Box<dyn FnOnce(Write<'_>) -> Finish + Send>;

/// Makes the reads that a job begins with; returns the users about whom it is.
pub type Foresight = Box<dyn Fn(&Read<'_>) -> Result<Vec<UserId>, Error> + Send>;

/// Answers who waits for a job, given whether its changes were committed, or why not.
pub(super) type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// A job that has run.
pub(super) struct Finish {
    /// Whether its changes are wanted.
    pub(super) keep: bool,
    /// Statements that it ran.
    pub(super) statements: u32,
    /// Failure of a statement that was found after the job: its changes are undone.
    pub(super) failure: Option<Error>,
    /// What the other nodes must know of its changes.
    pub(super) posts: Vec<Post>,
    pub(super) answer: Answer,
}

/// Runs one job; a panic inside it is its own error.
pub(super) fn run<T, E>(
    job: impl FnOnce(&Write<'_>) -> Result<T, E>,
    db: Write<'_>,
    answer: oneshot::Sender<Result<T, E>>,
) -> Finish
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let outcome = catch_unwind(AssertUnwindSafe(|| job(&db)));
    let outcome =
        outcome.unwrap_or_else(|panic| Err(Error::Panicked(panic_message(&*panic)).into()));
    let statements = db.statements.get();
    // Nobody waits any more where the client has gone; its change stands all the same.
    match outcome {
        Ok(value) => {
            let (on_commit, posts) = db.into_parts();
            Finish {
                keep: true,
                statements,
                failure: None,
                posts,
                answer: Box::new(move |committed| {
                    let _ = answer.send(match committed {
                        Ok(()) => {
                            follow_commit(on_commit);
                            Ok(value)
                        }
                        Err(failure) => Err(failure.into()),
                    });
                }),
            }
        }
        Err(error) => Finish {
            keep: false,
            statements,
            failure: None,
            posts: Vec::new(),
            // A refusal rests on what the batch had written before it, so it falls with the batch.
            answer: Box::new(move |committed| {
                let _ = answer.send(Err(match committed {
                    Ok(()) => error,
                    Err(failure) => failure.into(),
                }));
            }),
        },
    }
}

/// Runs the steps that follow a commit. The change stands even if one of them panics, so the job is answered with its
/// value and the other steps run.
fn follow_commit(steps: Vec<OnCommit>) {
    for step in steps {
        if catch_unwind(AssertUnwindSafe(step)).is_err() {
            tracing::error!("a step after a commit panicked");
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// A batch that is on disk.
#[derive(Default)]
pub(super) struct Committed {
    /// How long the commit took.
    pub(super) took: Duration,
    /// Whether there was anything to write.
    pub(super) wrote: bool,
    /// Statements of its jobs.
    pub(super) statements: u32,
    /// How often the database was waited for, over the network.
    pub(super) round_trips: u32,
}
