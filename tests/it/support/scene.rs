//! Calls over REST alone, for tests of what may be done to a call in each status.

use std::time::Duration;

use chattrix::clock::ManualClock;

use super::{Api, Socket, TestServer, eventually, wall_clock_hand};

/// A call from Alice to Bob, with Carol as a stranger to it.
pub struct Scene {
    /// Who calls.
    pub alice: Api,
    /// Who is called.
    pub bob: Api,
    /// Who has nothing to do with it.
    pub carol: Api,
    /// The call.
    pub call: String,
    /// The server's clock.
    pub clock: ManualClock,
    /// Bob's socket, where the call is ringing.
    _ringing: Option<Socket>,
    /// The server.
    pub server: TestServer,
}

impl Scene {
    /// The scene with its call in `status`.
    pub async fn with_call(status: &str) -> Self {
        // Boxed: a future of all these steps is too large to carry about in every test.
        Box::pin(Self::set(status)).await
    }

    async fn set(status: &str) -> Self {
        let clock = wall_clock_hand();
        let mut server = TestServer::plan().clock(&clock).start().await;
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
        let ringing = if status == "RINGING" {
            Some(bob.socket().await)
        } else {
            None
        };
        let call = alice.call("bob").await;
        match status {
            "INITIATING" | "RINGING" => {}
            "CONNECTING" => drop(bob.accept(&call).await.success(200)),
            "ACTIVE" => {
                bob.accept(&call).await.success(200);
                alice.set_status(&call, "ACTIVE").await.success(200);
            }
            "ENDED" => {
                bob.accept(&call).await.success(200);
                alice.end(&call).await.success(200);
            }
            "REJECTED" => drop(bob.reject(&call, "declined").await.success(200)),
            "MISSED" => {
                server.stop().await;
                clock.advance(Duration::from_secs(61));
                server.start_again().await;
                eventually("the call to be missed", async || {
                    alice.status_of(&call).await == "MISSED"
                })
                .await;
            }
            other => panic!("no status: {other}"),
        }
        assert_eq!(alice.status_of(&call).await, status);
        Self {
            alice,
            bob,
            carol,
            call,
            clock,
            _ringing: ringing,
            server,
        }
    }
}

/// A well-formed call id that no call has.
pub fn another_call_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
