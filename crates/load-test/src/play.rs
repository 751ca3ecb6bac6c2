//! Load generator: all pairs at a fixed rate.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::baseline::Echo;
use crate::error::{CallError, Error};
use crate::pair::{Pair, Times};
use crate::process::{Process, Usage};
use crate::{Load, Target};

/// Minimum and maximum number of pairs for open loops; calls of up to half a second need a number in between.
const OPEN_PAIRS: (usize, usize) = (16, 512);

/// Pause of a pair after an error, so that errors do not add load.
const PAUSE: Duration = Duration::from_millis(100);

/// Time for which the echo is measured before and after the calls of a closed loop, which leave it no time.
const ECHO: Duration = Duration::from_secs(1);

/// Interval of the progress.
const TICK: Duration = Duration::from_millis(100);

/// Model of the load.
#[derive(Clone, Copy, Debug)]
pub enum LoadModel {
    /// Closed loop: each pair calls as soon as its last call is over.
    Closed {
        /// Number of pairs.
        pairs: u16,
    },
    /// Open loop: that many calls begin in a second, whatever the state of earlier ones.
    Open {
        /// Calls per second.
        rate: u32,
    },
}

impl LoadModel {
    /// Returns the number of pairs that it needs.
    #[must_use]
    pub fn pairs(self) -> usize {
        let (least, most) = OPEN_PAIRS;
        match self {
            Self::Closed { pairs } => pairs.into(),
            Self::Open { rate } => {
                usize::try_from(rate / 2).map_or(most, |pairs| pairs.clamp(least, most))
            }
        }
    }
}

/// Results.
pub struct Played {
    /// Calls that ended during the measurement.
    pub times: Vec<Times>,
    /// All calls.
    pub total: u64,
    pub errors: BTreeMap<String, u64>,
    /// Round trips of the echo.
    pub echo: Vec<u32>,
    /// Usage of the generator at the beginning and the end of the measurement, and of the server, if it is on this
    /// machine.
    pub generator: Option<(Usage, Usage)>,
    pub server: Option<(Usage, Usage)>,
}

/// Schedule of the test.
#[derive(Clone, Copy)]
struct Schedule {
    model: LoadModel,
    began: Instant,
    /// Start of the measurement.
    counted_from: Instant,
    until: Instant,
}

/// Totals of one pair, or of all.
#[derive(Default)]
struct Tally {
    times: Vec<Times>,
    total: u64,
    errors: BTreeMap<String, u64>,
}

/// Runs calls between pairs of `target`, and measures for the duration of the load.
pub async fn play(
    target: &mut Target,
    Load {
        model, duration, ..
    }: Load,
    echo: &Echo,
    progress: impl Fn(Duration, Duration),
) -> Result<Played, Error> {
    let pairs = connected(target, model.pairs()).await?;
    let mut echoes = match model {
        LoadModel::Closed { .. } => echo.measure(ECHO).await?,
        LoadModel::Open { .. } => Vec::new(),
    };
    let began = Instant::now();
    let counted_from = began + duration / 10;
    let schedule = Schedule {
        model,
        began,
        counted_from,
        until: counted_from + duration,
    };
    let mut playing = JoinSet::new();
    for (slot, pair) in pairs.into_iter().enumerate() {
        playing.spawn(keep_calling(pair, slot, schedule));
    }
    let (looks, measured) = tokio::try_join!(schedule.watch(target.process, progress), async {
        match model {
            LoadModel::Closed { .. } => Ok(Vec::new()),
            LoadModel::Open { .. } => echo.measure(duration).await,
        }
    })?;
    let mut all = Tally::default();
    while let Some(tally) = playing.join_next().await {
        all.add(tally.expect("playing does not panic"));
    }
    echoes.extend(measured);
    if let LoadModel::Closed { .. } = model {
        echoes.extend(echo.measure(ECHO).await?);
    }
    Ok(Played {
        times: all.times,
        total: all.total,
        errors: all.errors,
        echo: echoes,
        generator: looks.0,
        server: looks.1,
    })
}

/// Returns connected pairs of users of `target`.
async fn connected(target: &mut Target, count: usize) -> Result<Vec<Pair>, Error> {
    let mut users = target.take(count * 2);
    let mut pairs = Vec::with_capacity(count);
    while let (Some(caller), Some(callee)) = (users.next(), users.next()) {
        let mut pair = Pair::new(target.server.clone(), caller, callee);
        let connected = pair.connect().await;
        connected.map_err(|error| target.rejected(error))?;
        pairs.push(pair);
    }
    Ok(pairs)
}

/// Runs the calls of the pair at `slot`, one after the other.
async fn keep_calling(mut pair: Pair, slot: usize, schedule: Schedule) -> Tally {
    let mut tally = Tally::default();
    sleep_until(schedule.joins_at(slot).into()).await;
    for round in schedule.first_round(slot).. {
        let Some(began) = schedule.wait_for(slot, round).await else {
            break;
        };
        match pair.call(began).await {
            Ok(times) => {
                tally.total += 1;
                if schedule.counts(Instant::now()) {
                    tally.times.push(times);
                }
            }
            Err(error) => tally.fail(&error).await,
        }
    }
    // Hundreds of simultaneous disconnects would load the server while the last calls are still measured.
    sleep_until(schedule.until.into()).await;
    tally
}

impl Schedule {
    /// Returns when the pair at `slot` begins: one after the other during the ramp, so that not all begin at once.
    fn joins_at(&self, slot: usize) -> Instant {
        let ramp = self.counted_from - self.began;
        self.began + ramp.mul_f64(ratio(slot, self.model.pairs()))
    }

    /// Returns when round `round` of the pair at `slot` is due at a rate.
    fn due(&self, rate: u32, slot: usize, round: usize) -> Instant {
        let number = slot + round * self.model.pairs();
        self.began + Duration::from_secs_f64(ratio(number, 1) / f64::from(rate))
    }

    /// Returns the first round of the pair at `slot`: the ramp leaves out those that were due before it joined.
    fn first_round(&self, slot: usize) -> usize {
        let mut round = 0;
        if let LoadModel::Open { rate } = self.model {
            while self.due(rate, slot, round) < self.joins_at(slot) {
                round += 1;
            }
        }
        round
    }

    /// Waits for round `round` of the pair at `slot`: when its call begins, for the measurement. That is
    /// when it should have begun where the pair was still busy: its caller has waited since then.
    async fn wait_for(&self, slot: usize, round: usize) -> Option<Instant> {
        let now = Instant::now();
        let due = match self.model {
            LoadModel::Closed { .. } => now,
            LoadModel::Open { rate } => self.due(rate, slot, round),
        };
        if due >= self.until {
            return None;
        }
        if due <= now {
            return Some(due);
        }
        sleep_until(due.into()).await;
        Some(Instant::now())
    }

    /// Returns true if a call that ends at `at` is measured.
    fn counts(&self, at: Instant) -> bool {
        (self.counted_from..=self.until).contains(&at)
    }

    /// Reports the progress, and samples both processes when the measurement begins and ends.
    async fn watch(
        &self,
        server: Option<Process>,
        progress: impl Fn(Duration, Duration),
    ) -> Result<(Option<(Usage, Usage)>, Option<(Usage, Usage)>), Error> {
        let generator = Process::of(std::process::id());
        let usage = || -> Result<_, Error> {
            Ok((
                generator.map(Process::usage).transpose()?,
                server.map(Process::usage).transpose()?,
            ))
        };
        self.progress_until(&progress, self.counted_from).await;
        let first = usage()?;
        self.progress_until(&progress, self.until).await;
        let last = usage()?;
        Ok((first.0.zip(last.0), first.1.zip(last.1)))
    }

    async fn progress_until(&self, progress: &impl Fn(Duration, Duration), until: Instant) {
        while Instant::now() < until {
            progress(self.began.elapsed(), self.until - self.began);
            sleep(TICK.min(until.saturating_duration_since(Instant::now()))).await;
        }
    }
}

impl Tally {
    async fn fail(&mut self, error: &CallError) {
        *self.errors.entry(error.to_string()).or_default() += 1;
        sleep(PAUSE).await;
    }

    fn add(&mut self, other: Self) {
        self.times.extend(other.times);
        self.total += other.total;
        for (error, count) in other.errors {
            *self.errors.entry(error).or_default() += count;
        }
    }
}

/// Returns `part` of `whole`, both far below the numbers that floats cannot hold.
fn ratio(part: usize, whole: usize) -> f64 {
    let float = |number| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    float(part) / float(whole.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_makes_up_for_no_call_that_was_due_before_it_joined() {
        let began = Instant::now();
        let schedule = Schedule {
            model: LoadModel::Open { rate: 1_000 },
            began,
            counted_from: began + Duration::from_secs(2),
            until: began + Duration::from_secs(20),
        };
        for slot in [0, 1, 250, 499] {
            let joins = schedule.joins_at(slot);
            let first = schedule.due(1_000, slot, schedule.first_round(slot));
            let between_rounds = Duration::from_millis(500);
            assert!((joins..joins + between_rounds).contains(&first), "{slot}");
        }
    }
}
