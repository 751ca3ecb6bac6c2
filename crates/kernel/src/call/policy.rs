//! Who may call whom: what the two have listed of each other, and what follows for a call between them.

use super::error::CallError;
use super::transition::CalleeAvailability;

/// Whom users may call (the setting `call_policy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallPolicy {
    /// Every other user.
    #[default]
    Everyone,
    /// Those who have them in their contacts, and whom they have in theirs.
    Contacts,
}

impl CallPolicy {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Everyone, Self::Contacts];

    /// The word in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
        }
    }
}

/// How a caller and a callee stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// Whether each has the other in the contacts.
    pub contacts: bool,
    /// Whether the callee has blocked the caller.
    pub blocked: bool,
}

/// How a call may reach a callee who is `connected` or not. A block is no refusal: the caller is not to know.
///
/// # Errors
/// [`CallError::NotContacts`], which does not depend on blocks.
pub fn reach(
    policy: CallPolicy,
    relation: Relation,
    connected: bool,
) -> Result<CalleeAvailability, CallError> {
    match policy {
        CallPolicy::Contacts if !relation.contacts => Err(CallError::NotContacts),
        CallPolicy::Everyone | CallPolicy::Contacts if relation.blocked => {
            Ok(CalleeAvailability::Blocked)
        }
        CallPolicy::Everyone | CallPolicy::Contacts if connected => {
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
            [false, true].map(|connected| reach(policy, relation, connected))
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
}
