//! Test users: a fixed list.

use chattrix::user::{Profile, UserId};

/// Users with a name; the others have numbers.
const NAMED: [(&str, &str); 4] = [
    ("alice", "Alice"),
    ("bob", "Bob"),
    ("carol", "Carol"),
    ("dave", "Dave"),
];

/// Returns caller and callee of a first call.
pub fn pair() -> [Profile; 2] {
    let [alice, bob, ..] = NAMED;
    [alice, bob].map(|(id, name)| profile(id, name.to_owned()))
}

/// Returns the first `count` test users: alice, bob, carol, dave, user-0005, user-0006, …
pub fn first(count: usize) -> impl Iterator<Item = Profile> {
    (1..=count).map(|number| match NAMED.get(number - 1) {
        Some((id, name)) => profile(id, (*name).to_owned()),
        None => profile(&format!("user-{number:04}"), format!("User {number}")),
    })
}

fn profile(id: &str, name: String) -> Profile {
    // A reserved domain (RFC 2606): no request for a picture reaches a foreign server.
    let avatar = Some(format!("https://example.com/avatars/{id}.png"));
    let id = UserId::parse(id).expect("letters, digits and a hyphen");
    Profile { id, name, avatar }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_users_are_named_then_numbered_and_always_the_same() {
        let ids: Vec<_> = first(6).map(|profile| profile.id.to_string()).collect();
        assert_eq!(
            ids,
            ["alice", "bob", "carol", "dave", "user-0005", "user-0006"]
        );
        assert_eq!(first(6).collect::<Vec<_>>(), first(6).collect::<Vec<_>>());
        assert_eq!(first(0).count(), 0);
    }
}
