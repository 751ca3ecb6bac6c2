//! The scheduler's locks and counters in the shape of those that the server uses.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use shuttle::sync::MutexGuard;
pub use shuttle::sync::atomic::{AtomicBool, AtomicUsize};

/// `parking_lot::Mutex`: no poisoning.
#[derive(Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("a panic ends the whole run")
    }
}

/// `tokio::sync::Notify`, as documented: `notify_one` stores a permit if no task waits, `notify_waiters` wakes every
/// task that already has a `notified()` future, polled or not.
#[derive(Default)]
pub struct Notify(Mutex<State>);

#[derive(Default)]
struct State {
    permit: bool,
    /// Number of `notify_waiters` calls.
    rounds: usize,
    waiting: Vec<Waker>,
}

impl Notify {
    pub fn new() -> Self {
        Self(Mutex::new(State::default()))
    }

    pub fn notify_one(&self) {
        let mut state = self.0.lock();
        state.permit = true;
        let woken = std::mem::take(&mut state.waiting);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    pub fn notify_waiters(&self) {
        let mut state = self.0.lock();
        state.rounds += 1;
        let woken = std::mem::take(&mut state.waiting);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    pub fn notified(&self) -> Notified<'_> {
        let round = self.0.lock().rounds;
        Notified {
            notify: self,
            round,
        }
    }
}

pub struct Notified<'a> {
    notify: &'a Notify,
    round: usize,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.notify.0.lock();
        if state.rounds != self.round || std::mem::take(&mut state.permit) {
            return Poll::Ready(());
        }
        state.waiting.push(cx.waker().clone());
        Poll::Pending
    }
}
