//! Call policy: who may call whom, by block lists and contacts.

use super::error::CallError;
use super::transition::CalleeAvailability;

/// Call policy (the setting `call_policy`): whom users may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallPolicy {
    /// All other users.
    #[default]
    Everyone,
    /// Users who are in each other's contacts.
    Contacts,
}

impl CallPolicy {
    /// All policies.
    pub const ALL: [Self; 2] = [Self::Everyone, Self::Contacts];

    /// Returns the word in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
        }
    }
}

/// Relation between a caller and a callee.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Whether both have each other in their contacts.
    pub contacts: bool,
    /// Whether the callee has blocked the caller.
    pub blocked: bool,
}

/// State of a callee that decides whether a call rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callee {
    /// Whether a session is connected.
    pub connected: bool,
    /// Whether the callee has set do not disturb.
    pub do_not_disturb: bool,
}

/// Returns how a call may reach a callee. A block and do not disturb are not refusals: the caller must not learn of
/// them.
///
/// # Errors
/// [`CallError::NotContacts`], which does not depend on blocks.
pub fn reach(
    policy: CallPolicy,
    relation: Relation,
    callee: Callee,
) -> Result<CalleeAvailability, CallError> {
    match policy {
        CallPolicy::Contacts if !relation.contacts => Err(CallError::NotContacts),
        CallPolicy::Everyone | CallPolicy::Contacts if relation.blocked => {
            Ok(CalleeAvailability::Blocked)
        }
        CallPolicy::Everyone | CallPolicy::Contacts if callee.do_not_disturb => {
            Ok(CalleeAvailability::DoNotDisturb)
        }
        CallPolicy::Everyone | CallPolicy::Contacts if callee.connected => {
            Ok(CalleeAvailability::Connected)
        }
        CallPolicy::Everyone | CallPolicy::Contacts => Ok(CalleeAvailability::Absent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_policy_is_checked_before_blocks() {
        use CallPolicy::{Contacts, Everyone};

        let reached = |policy, contacts, blocked| {
            let relation = Relation { contacts, blocked };
            [false, true].map(|connected| {
                let callee = Callee {
                    connected,
                    do_not_disturb: false,
                };
                reach(policy, relation, callee)
            })
        };
        let free = [
            Ok(CalleeAvailability::Absent),
            Ok(CalleeAvailability::Connected),
        ];
        let barred = [Ok(CalleeAvailability::Blocked); 2];
        for contacts in [false, true] {
            assert_eq!(reached(Everyone, contacts, false), free);
            assert_eq!(reached(Everyone, contacts, true), barred);
        }
        assert_eq!(reached(Contacts, true, false), free);
        assert_eq!(reached(Contacts, true, true), barred);
        for blocked in [false, true] {
            let refused = [Err(CallError::NotContacts); 2];
            assert_eq!(reached(Contacts, false, blocked), refused);
        }
    }

    #[test]
    fn do_not_disturb_is_checked_after_blocks() {
        for connected in [false, true] {
            let callee = Callee {
                connected,
                do_not_disturb: true,
            };
            let reached = |blocked| {
                let relation = Relation {
                    contacts: false,
                    blocked,
                };
                reach(CallPolicy::Everyone, relation, callee)
            };
            assert_eq!(reached(false), Ok(CalleeAvailability::DoNotDisturb));
            assert_eq!(reached(true), Ok(CalleeAvailability::Blocked));
        }
    }
}
