//! Connection limits: for the server, per user and per address. A connection that is being closed is no longer in the
//! hub, but keeps its slot until it is closed.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Capacity;
use crate::sync::{AtomicUsize, Mutex, Notify};
use crate::user::UserId;

/// Maximum number of a user's connections per session: a replaced connection exists until its close is finished. A
/// client that keeps opening connections gets at most these.
const CONNECTIONS_PER_SESSION: usize = 32;

/// Limit that leaves no slot for one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitReached {
    /// The server drains or stops.
    Stopping,
    /// The server has too many connections.
    Server,
    /// The user has too many connections.
    User,
    /// The address has too many connections.
    Address,
}

/// Connection limits and the number of slots taken.
pub(super) struct ConnectionLimits {
    capacity: Capacity,
    connections: AtomicUsize,
    holders: Mutex<Holders>,
    connection_left: Notify,
}

/// Slots taken, by user and address.
#[derive(Default)]
struct Holders {
    by_user: HashMap<UserId, usize>,
    by_address: HashMap<IpAddr, usize>,
    /// Slots of a user's connections that take long to close.
    lingering: HashMap<UserId, usize>,
}

impl ConnectionLimits {
    /// Returns limits with no slot taken.
    pub fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            connections: AtomicUsize::new(0),
            holders: Mutex::default(),
            connection_left: Notify::new(),
        }
    }

    /// Reserves a slot for one more connection of `user` from `address`. A connection that replaces one of the user's
    /// `replaceable` connections needs no free slot of the server, unless another one of the user is still being closed.
    pub fn take(
        self: &Arc<Self>,
        user: &UserId,
        address: IpAddr,
        replaceable: usize,
    ) -> Result<Slot, LimitReached> {
        let capacity = &self.capacity;
        let most_of_user = capacity.sessions_per_user * CONNECTIONS_PER_SESSION;
        let most_of_address = capacity.connections_per_address.unwrap_or(usize::MAX);
        let mut holders = self.holders.lock();
        let held = count(&holders.by_user, user);
        let replaces = replaceable > 0 && held <= replaceable;
        if self.taken() >= capacity.connections && !replaces {
            return Err(LimitReached::Server);
        }
        if held >= most_of_user {
            return Err(LimitReached::User);
        }
        if count(&holders.by_address, &address) >= most_of_address {
            return Err(LimitReached::Address);
        }
        *holders.by_user.entry(user.clone()).or_default() += 1;
        *holders.by_address.entry(address).or_default() += 1;
        self.connections.fetch_add(1, Ordering::AcqRel);
        Ok(Slot {
            limits: Arc::clone(self),
            user: user.clone(),
            address,
            lingers: false,
        })
    }

    /// Returns the number of slots taken.
    pub fn taken(&self) -> usize {
        self.connections.load(Ordering::Acquire)
    }

    /// Waits until no slot is taken.
    pub async fn emptied(&self) {
        loop {
            let left = self.connection_left.notified();
            if self.taken() == 0 {
                return;
            }
            left.await;
        }
    }
}

/// Slot of one connection; released when dropped.
pub struct Slot {
    limits: Arc<ConnectionLimits>,
    user: UserId,
    address: IpAddr,
    lingers: bool,
}

impl Slot {
    /// Whether the connection, which is being closed, may take long, as a slow reader does. A user may have as many of
    /// these at a time as it may have sessions: a client that never reads could otherwise hold all slots of its user
    /// for that time.
    pub fn try_linger(&mut self) -> bool {
        let mut holders = self.limits.holders.lock();
        let lingering = &mut holders.lingering;
        let most = self.limits.capacity.sessions_per_user;
        if !self.lingers && count(lingering, &self.user) < most {
            *lingering.entry(self.user.clone()).or_default() += 1;
            self.lingers = true;
        }
        self.lingers
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let limits = &self.limits;
        let mut holders = limits.holders.lock();
        give_back(&mut holders.by_user, &self.user);
        give_back(&mut holders.by_address, &self.address);
        if self.lingers {
            give_back(&mut holders.lingering, &self.user);
        }
        limits.connections.fetch_sub(1, Ordering::AcqRel);
        drop(holders);
        limits.connection_left.notify_waiters();
    }
}

fn count<K: Hash + Eq>(taken: &HashMap<K, usize>, key: &K) -> usize {
    taken.get(key).copied().unwrap_or_default()
}

/// Decrements the count of `key`, and removes a count that reaches zero.
fn give_back<K: Hash + Eq>(taken: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = taken.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            taken.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::clock::Clock;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::hub::Hub;
    use crate::hub::tests::{HERE, hub, user};
    use crate::user::SessionId;

    fn session() -> SessionId {
        SessionId::new("phone")
    }

    #[test]
    fn replacing_connection_needs_no_free_slot() {
        let hub = hub();
        let (alice, bob) = (user("alice"), user("bob"));
        let admit = |user, session| hub.admit(user, &SessionId::new(session), HERE);
        let _others = admit(&bob, "phone").expect("a slot");
        let slot = admit(&alice, "phone").expect("the last slot");
        let _connected = hub.subscribe(&alice, &session());
        assert_eq!(admit(&alice, "tablet").err(), Some(LimitReached::Server));
        let _replacing = admit(&alice, "phone").expect("the slot of the other");
        let again = admit(&alice, "phone");
        assert_eq!(again.err(), Some(LimitReached::Server), "one is closing");
        drop(slot);
        assert!(admit(&alice, "phone").is_ok());
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let hub = hub();
        let admit = |id| hub.admit(&user(id), &session(), HERE);
        let first = admit("alice").expect("a slot");
        let _second = admit("bob").expect("a slot");
        assert_eq!(admit("carol").err(), Some(LimitReached::Server));
        drop(first);
        assert!(admit("carol").is_ok());
    }

    #[test]
    fn connection_slots_are_counted_per_user_and_address() {
        let hub = Hub::new(
            Capacity {
                event_queue: 2,
                sessions_per_user: 1,
                connections: 1000,
                connections_per_address: Some(CONNECTIONS_PER_SESSION + 1),
                confirm_timeout: Duration::from_secs(5),
            },
            Clock::System,
        );
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let (alice, bob) = (user("alice"), user("bob"));
        let mut limits: Vec<Slot> = (0..CONNECTIONS_PER_SESSION)
            .map(|_| hub.admit(&alice, &session(), HERE).expect("a slot"))
            .collect();
        assert_eq!(
            hub.admit(&alice, &session(), elsewhere).err(),
            Some(LimitReached::User)
        );
        limits.push(
            hub.admit(&bob, &session(), HERE)
                .expect("the last slot from here"),
        );
        assert_eq!(
            hub.admit(&bob, &session(), HERE).err(),
            Some(LimitReached::Address)
        );
        limits.push(
            hub.admit(&bob, &session(), elsewhere)
                .expect("from elsewhere"),
        );
        limits.remove(0);
        assert!(hub.admit(&alice, &session(), HERE).is_ok());
        limits.clear();
        let holders = hub.0.limits.holders.lock();
        assert!(holders.by_user.is_empty() && holders.by_address.is_empty());
        assert_eq!(hub.connections(), 0);
    }

    #[test]
    fn as_many_of_a_user_linger_as_it_may_have_sessions() {
        let hub = Hub::new(
            Capacity {
                event_queue: 2,
                sessions_per_user: 2,
                connections: 1000,
                connections_per_address: None,
                confirm_timeout: Duration::from_secs(5),
            },
            Clock::System,
        );
        let admit = |id| hub.admit(&user(id), &session(), HERE).expect("a slot");
        let mut bobs: Vec<Slot> = (0..3).map(|_| admit("bob")).collect();
        let lingering: Vec<bool> = bobs.iter_mut().map(Slot::try_linger).collect();
        assert_eq!(lingering, [true, true, false]);
        assert!(admit("carol").try_linger());
        assert!(bobs[0].try_linger(), "asked again");
        bobs.remove(0);
        assert!(bobs[1].try_linger());
        bobs.clear();
        assert!(hub.0.limits.holders.lock().lingering.is_empty());
    }
}
