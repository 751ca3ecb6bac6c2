//! Foreseen reads: those of all jobs of a transaction, sent in one round trip before the first job runs.
//!
//! The answers are laid by statement and parameters. A job takes each once, since it may change what it has read; whatever
//! else it reads costs a round trip.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::super::super::error::Error;
use super::value::{Column, Parameter};
use super::wait::{poll, wait};
use super::wide::ASKED;
use super::{Prepared, Rows, Session};

/// Statement that reads, with its parameters.
pub(super) struct Question {
    prepared: Arc<Prepared>,
    values: Arc<Vec<Parameter>>,
}

impl Question {
    fn is(&self, prepared: &Arc<Prepared>, values: &[Parameter]) -> bool {
        Arc::ptr_eq(&self.prepared, prepared) && *self.values == values
    }
}

/// What becomes of a read.
pub(super) enum Foresight {
    /// It is recorded, and finds nothing.
    Asking(Vec<Question>),
    /// It is answered if it was foreseen; jobs take the answer.
    Known {
        answers: Vec<(Question, Rows)>,
        are_taken: bool,
    },
}

impl Default for Foresight {
    fn default() -> Self {
        Self::Known {
            answers: Vec::new(),
            are_taken: true,
        }
    }
}

type Answers = Pin<Box<dyn Future<Output = Result<Vec<Row>, tokio_postgres::Error>> + Send>>;

impl Session {
    /// Asks what `ask` reads, in one round trip behind what is queued. Reads are answered from it, and from what was asked
    /// before, until the jobs take the answers, after [`Session::take_answers`].
    ///
    /// # Errors
    /// Also the failure of a statement that was queued.
    pub fn foresee(&self, ask: impl FnOnce()) -> Result<(), Error> {
        let known = self.foresight.replace(Foresight::Asking(Vec::new()));
        ask();
        let Foresight::Asking(questions) = self.foresight.take() else {
            return Ok(());
        };
        let groups = self.grouped(questions)?;
        self.flush();
        self.count_round_trip();
        let sent: Vec<Answers> = groups.iter().map(|group| self.ask_group(group)).collect();
        self.collect()?;
        let mut answers = match known {
            Foresight::Known { answers, .. } => answers,
            Foresight::Asking(_) => Vec::new(),
        };
        for (group, rows) in groups.into_iter().zip(sent) {
            let rows = wait(rows)?;
            answers.extend(laid(group, rows)?);
        }
        self.foresight.replace(Foresight::Known {
            answers,
            are_taken: false,
        });
        Ok(())
    }

    /// Lets jobs take the answers from now on.
    pub fn take_answers(&self) {
        if let Foresight::Known { are_taken, .. } = &mut *self.foresight.borrow_mut() {
            *are_taken = true;
        }
    }

    /// Returns the answer to a read that was foreseen; records it while reads are foreseen.
    pub(super) fn foreseen(&self, prepared: &Arc<Prepared>, values: &[Parameter]) -> Option<Rows> {
        match &mut *self.foresight.borrow_mut() {
            Foresight::Asking(questions) => {
                questions.push(Question {
                    prepared: Arc::clone(prepared),
                    values: Arc::new(values.to_vec()),
                });
                Some(Rows::default())
            }
            Foresight::Known { answers, are_taken } => {
                let found = answers
                    .iter()
                    .position(|(one, _)| one.is(prepared, values))?;
                Some(if *are_taken {
                    answers.swap_remove(found).1
                } else {
                    Arc::clone(&answers[found].1)
                })
            }
        }
    }

    /// Returns `questions` in groups of one statement. One that cannot be asked for many is a group by itself.
    fn grouped(&self, questions: Vec<Question>) -> Result<Vec<Vec<Question>>, Error> {
        let mut groups: Vec<Vec<Question>> = Vec::new();
        for question in questions {
            let same =
                |group: &&mut Vec<Question>| Arc::ptr_eq(&group[0].prepared, &question.prepared);
            match groups.iter_mut().find(same) {
                Some(group) if self.widened(&question.prepared)?.is_some() => group.push(question),
                Some(_) | None => groups.push(vec![question]),
            }
        }
        Ok(groups)
    }

    /// Sends questions that are one statement with different parameters.
    fn ask_group(&self, group: &[Question]) -> Answers {
        let (client, prepared) = (Arc::clone(&self.client), Arc::clone(&group[0].prepared));
        let rows: Vec<Arc<Vec<Parameter>>> =
            group.iter().map(|one| Arc::clone(&one.values)).collect();
        let mut answers: Answers = Box::pin(async move {
            let columns = Column::all_of(&rows);
            let (statement, values) = match &prepared.wide.get() {
                Some(Some(wide)) if rows.len() > 1 => (wide, columns.iter().map(dynamic).collect()),
                _ => (
                    &prepared.statement,
                    rows[0].iter().map(dynamic).collect::<Vec<_>>(),
                ),
            };
            client.query(statement, &values).await
        });
        match poll(answers.as_mut()) {
            Poll::Pending => answers,
            Poll::Ready(answered) => Box::pin(std::future::ready(answered)),
        }
    }
}

fn dynamic<T: ToSql + Sync>(value: &T) -> &(dyn ToSql + Sync) {
    value
}

/// Returns the rows of each question of `group`.
fn laid(group: Vec<Question>, rows: Vec<Row>) -> Result<Vec<(Question, Rows)>, Error> {
    if group.len() == 1 {
        return Ok(group.into_iter().zip([Arc::new(rows)]).collect());
    }
    let mut answers: Vec<Vec<Row>> = group.iter().map(|_| Vec::new()).collect();
    for row in rows {
        let asked: i64 = row.try_get(ASKED)?;
        let place = usize::try_from(asked - 1)
            .ok()
            .and_then(|place| answers.get_mut(place));
        if let Some(answer) = place {
            answer.push(row);
        }
    }
    let answers = answers.into_iter().map(Arc::new);
    Ok(group.into_iter().zip(answers).collect())
}
