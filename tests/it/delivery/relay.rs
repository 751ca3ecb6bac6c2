//! A sample of the table of outages with the real binary over real sockets.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Api, Process, Relay, Socket, Token, rounds};

/// Seconds for which the network is silent, in the suite and in `scripts/soak`.
const ABSENT: [u64; 1] = [1];
const ABSENT_IN_SOAK: [u64; 3] = [1, 20, 85];

/// What happens while the network of one user is silent.
#[derive(Clone, Copy, Debug)]
struct Outage {
    absent: Duration,
    is_new_session: bool,
    server_crashes: bool,
}

fn outages() -> Vec<Outage> {
    let absent: &[u64] = if rounds(0, 1) == 0 {
        &ABSENT
    } else {
        &ABSENT_IN_SOAK
    };
    let mut outages = Vec::new();
    for seconds in absent {
        for (is_new_session, server_crashes) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            outages.push(Outage {
                absent: Duration::from_secs(*seconds),
                is_new_session,
                server_crashes,
            });
        }
    }
    outages
}

/// A server on a file of its own, with Alice and Bob.
struct Scene {
    server: Process,
    folder: tempfile::TempDir,
    alice: Token,
    bob: Token,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Process::start(&database(folder.path())).await;
        let [alice, bob] = ["alice", "bob"].map(Process::token);
        let scene = Self {
            server,
            folder,
            alice,
            bob,
        };
        // A user is known from the first request on.
        for user in [&scene.alice, &scene.bob] {
            scene.api(user).active().await.success(200);
        }
        scene
    }

    fn api(&self, token: &Token) -> Api {
        Api::new(self.server.address(), Some(token.sign()))
    }

    async fn socket(&self, token: &Token) -> Socket {
        Socket::connect(self.server.address(), &token.sign()).await
    }

    /// The network is silent for a while, and the server may crash. Returns the token with which the user comes back.
    async fn pass(&mut self, outage: Outage, token: &Token) -> Token {
        tokio::time::sleep(outage.absent).await;
        if outage.server_crashes {
            self.server.kill();
            self.server = Process::start(&database(self.folder.path())).await;
        }
        if outage.is_new_session {
            token.clone().session("returned")
        } else {
            token.clone()
        }
    }
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("chattrix.db")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caller_in_a_tunnel_hears_the_answer_and_the_end() {
    for outage in outages() {
        let mut scene = Scene::new().await;
        let relay = Relay::to(scene.server.address()).await;
        let _at_bob = scene.socket(&scene.bob).await;
        let _in_tunnel = Socket::connect(relay.address(), &scene.alice.sign()).await;
        let call = scene.api(&scene.alice).call("bob").await;
        relay.go_silent();
        scene.api(&scene.bob).accept(&call).await.success(200);
        scene.api(&scene.bob).end(&call).await.success(200);
        let alice = scene.alice.clone();
        let returned = scene.pass(outage, &alice).await;
        let mut back = scene.socket(&returned).await;
        assert_eq!(
            back.expect("call_accepted").await["callId"],
            *call,
            "{outage:?}"
        );
        assert_eq!(
            back.expect("call_ended").await["callId"],
            *call,
            "{outage:?}"
        );
        back.expect_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callee_in_a_tunnel_gets_the_invitation_that_still_rings() {
    for outage in outages() {
        if outage.absent > Duration::from_mins(1) {
            continue;
        }
        let mut scene = Scene::new().await;
        let relay = Relay::to(scene.server.address()).await;
        let _in_tunnel = Socket::connect(relay.address(), &scene.bob.sign()).await;
        relay.go_silent();
        let call = scene.api(&scene.alice).call("bob").await;
        let bob = scene.bob.clone();
        let returned = scene.pass(outage, &bob).await;
        let mut back = scene.socket(&returned).await;
        assert_eq!(
            back.expect("call_invitation").await["callId"],
            *call,
            "{outage:?}"
        );
        scene.api(&scene.alice).end(&call).await.success(200);
        assert_eq!(
            back.expect("call_ended").await["callId"],
            *call,
            "{outage:?}"
        );
        back.expect_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn event_with_a_lost_confirmation_comes_again_the_same() {
    for outage in outages() {
        let mut scene = Scene::new().await;
        let relay = Relay::to(scene.server.address()).await;
        let mut in_tunnel = Socket::connect(relay.address(), &scene.bob.sign()).await;
        let call = scene.api(&scene.alice).call("bob").await;
        in_tunnel.expect("call_invitation").await;
        scene.api(&scene.bob).accept(&call).await.success(200);
        in_tunnel.expect_nothing().await;
        relay.swallow_confirmations();
        scene.api(&scene.alice).end(&call).await.success(200);
        let first = in_tunnel.expect_text("call_ended").await;
        let bob = scene.bob.clone();
        let returned = scene.pass(outage, &bob).await;
        let mut back = Socket::open(Socket::request(
            scene.server.address(),
            &format!("/ws/chat?token={}", returned.sign()),
        ))
        .await;
        assert_eq!(back.expect_text("call_ended").await, first, "{outage:?}");
        back.expect_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_device_hears_of_the_answer_after_a_crash() {
    let mut scene = Scene::new().await;
    let relay = Relay::to(scene.server.address()).await;
    let tablet = Process::token("bob").session("tablet");
    let _phone = scene.socket(&scene.bob).await;
    let mut in_tunnel = Socket::connect(relay.address(), &tablet.sign()).await;
    let call = scene.api(&scene.alice).call("bob").await;
    in_tunnel.expect("call_invitation").await;
    relay.go_silent();
    scene.api(&scene.bob).accept(&call).await.success(200);
    let outage = Outage {
        absent: Duration::ZERO,
        is_new_session: false,
        server_crashes: true,
    };
    scene.pass(outage, &tablet).await;
    let mut back = scene.socket(&tablet).await;
    assert_eq!(back.expect("call_accepted").await["callId"], *call);
    back.expect_nothing().await;
    let mut phone = scene.socket(&scene.bob).await;
    phone.expect_nothing().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_device_does_not_hide_what_the_first_lacks() {
    let mut scene = Scene::new().await;
    let relay = Relay::to(scene.server.address()).await;
    let _in_tunnel = Socket::connect(relay.address(), &scene.bob.sign()).await;
    let mut tablet = scene.socket(&Process::token("bob")).await;
    relay.go_silent();
    let call = scene.api(&scene.alice).call("bob").await;
    tablet.expect("call_invitation").await;
    scene.api(&scene.alice).end(&call).await.success(200);
    let ended: Value = tablet.expect_message("call_ended").await;
    tablet.expect_nothing().await;
    let outage = Outage {
        absent: Duration::ZERO,
        is_new_session: false,
        server_crashes: false,
    };
    let bob = scene.bob.clone();
    let returned = scene.pass(outage, &bob).await;
    let mut back = scene.socket(&returned).await;
    assert_eq!(back.expect_message("call_ended").await, ended);
    back.expect_nothing().await;
    let mut other = scene.socket(&Process::token("bob")).await;
    other.expect_nothing().await;
}
