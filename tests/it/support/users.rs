//! Users with several devices, for tests of who gets which event.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Api, Socket, TestServer};

/// Device of a user. Alice calls and Bob is called; they act with their phones, and their tablets get the events.
/// Carol is a bystander.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Device {
    AlicePhone,
    AliceTablet,
    BobPhone,
    BobTablet,
    CarolPhone,
}

impl Device {
    /// The devices of both participants.
    pub const PARTICIPANTS: [Self; 4] = [
        Self::AlicePhone,
        Self::AliceTablet,
        Self::BobPhone,
        Self::BobTablet,
    ];
}

/// Users of a test and their connected devices.
pub struct Users {
    /// REST in the session of Alice's phone.
    pub alice: Api,
    /// REST in the session of Bob's phone.
    pub bob: Api,
    /// REST in the session of Carol's phone.
    pub carol: Api,
    /// REST in the sessions of the connected devices.
    apis: BTreeMap<Device, Api>,
    sockets: BTreeMap<Device, Socket>,
}

impl Users {
    /// Returns the users with all devices connected to `server`.
    pub async fn on(server: &TestServer) -> Self {
        let mut users = Self::without_bob(server).await;
        users.connect(Device::BobPhone, &users.bob.clone()).await;
        let tablet = server.sign_in("bob");
        users.connect(Device::BobTablet, &tablet).await;
        users
    }

    /// Returns the users with all devices but Bob's connected.
    pub async fn without_bob(server: &TestServer) -> Self {
        let mut users = Self::disconnected(server);
        users
            .connect(Device::AlicePhone, &users.alice.clone())
            .await;
        let tablet = server.sign_in("alice");
        users.connect(Device::AliceTablet, &tablet).await;
        users
            .connect(Device::CarolPhone, &users.carol.clone())
            .await;
        users
    }

    /// Returns the users without a connected device.
    pub fn disconnected(server: &TestServer) -> Self {
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
        Self {
            alice,
            bob,
            carol,
            apis: BTreeMap::new(),
            sockets: BTreeMap::new(),
        }
    }

    /// Connects `device` in the session of `api`.
    pub async fn connect(&mut self, device: Device, api: &Api) {
        let before = self.sockets.insert(device, api.socket().await);
        assert!(before.is_none(), "{device:?} is connected already");
        self.apis.insert(device, api.clone());
    }

    /// Returns REST in the session of `device`.
    pub fn api(&self, device: Device) -> &Api {
        &self.apis[&device]
    }

    /// Disconnects `device`.
    pub fn disconnect(&mut self, device: Device) {
        drop(
            self.sockets
                .remove(&device)
                .expect("the device is connected"),
        );
    }

    /// Returns the socket of `device`.
    pub fn at(&mut self, device: Device) -> &mut Socket {
        self.sockets
            .get_mut(&device)
            .expect("the device is connected")
    }

    /// Alice calls Bob, whose devices get the invitation. Returns the call's id.
    pub async fn ring(&mut self) -> String {
        let call = self.alice.call("bob").await;
        for device in [Device::BobPhone, Device::BobTablet] {
            if let Some(socket) = self.sockets.get_mut(&device) {
                assert_eq!(socket.expect("call_invitation").await["callId"], *call);
            }
        }
        call
    }

    /// Alice calls Bob, who accepts on his phone; the other devices have read that event.
    pub async fn answer(&mut self) -> String {
        let call = self.ring().await;
        self.bob.accept(&call).await.success(200);
        for device in [Device::AlicePhone, Device::AliceTablet, Device::BobTablet] {
            if let Some(socket) = self.sockets.get_mut(&device) {
                assert_eq!(socket.expect("call_accepted").await["callId"], *call);
            }
        }
        call
    }

    /// Alice calls Bob, and media flows.
    pub async fn talk(&mut self) -> String {
        let call = self.answer().await;
        self.alice.set_status(&call, "ACTIVE").await.success(200);
        call
    }

    /// Asserts that exactly the devices `told` get a message of type `kind` with `data`, and nobody gets anything else.
    pub async fn expect_only(&mut self, told: &[Device], kind: &str, data: &Value) {
        for device in told {
            let heard = self.at(*device).expect(kind).await;
            assert_eq!(heard, *data, "{device:?}");
        }
        self.expect_nothing().await;
    }

    /// Asserts that exactly the devices `told` get `call_ended` by `who` with the duration of the call's details: 0 without
    /// an answer.
    pub async fn expect_ended(&mut self, told: &[Device], call: &str, who: &str) {
        let (first, others) = told.split_first().expect("somebody is told");
        let heard = self.at(*first).expect("call_ended").await;
        let details = self.alice.details(call).await.success(200);
        assert_eq!(details["status"], "ENDED");
        let seconds = &details["durationSeconds"];
        assert!(
            !details["startTime"].is_null() || *seconds == 0,
            "{details}"
        );
        let ended = json!({ "callId": call, "endedBy": who, "durationSeconds": seconds });
        assert_eq!(heard, ended, "{first:?}");
        self.expect_only(others, "call_ended", &ended).await;
    }

    /// Asserts that no device gets anything.
    pub async fn expect_nothing(&mut self) {
        for socket in self.sockets.values_mut() {
            socket.expect_nothing().await;
        }
    }
}
