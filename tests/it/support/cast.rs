//! People with several devices, for tests of who is told what.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Api, Socket, TestServer};

/// Alice, who calls, and Bob, who is called, have a phone each, with which they act, and a tablet,
/// which is only told. Carol is a bystander.
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

/// All of them, connected.
pub struct Cast {
    /// REST from Alice's phone: the session of her phone's socket.
    pub alice: Api,
    /// REST from Bob's phone: the session of his phone's socket.
    pub bob: Api,
    /// REST from Carol's phone.
    pub carol: Api,
    sockets: BTreeMap<Device, Socket>,
}

impl Cast {
    /// Everybody, connected to `server`.
    pub async fn on(server: &TestServer) -> Self {
        let mut cast = Self::without_bob(server).await;
        cast.connect(Device::BobPhone, &cast.bob.clone()).await;
        cast.connect(Device::BobTablet, &server.sign_in("bob"))
            .await;
        cast
    }

    /// Everybody but Bob, whose devices are off.
    pub async fn without_bob(server: &TestServer) -> Self {
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|user| server.sign_in(user));
        let mut cast = Self {
            alice: alice.clone(),
            bob,
            carol: carol.clone(),
            sockets: BTreeMap::new(),
        };
        cast.connect(Device::AlicePhone, &alice).await;
        cast.connect(Device::AliceTablet, &server.sign_in("alice"))
            .await;
        cast.connect(Device::CarolPhone, &carol).await;
        cast
    }

    /// Connects `device` in the session of `api`.
    pub async fn connect(&mut self, device: Device, api: &Api) {
        let socket = api.socket().await;
        assert!(
            self.sockets.insert(device, socket).is_none(),
            "{device:?} is connected already"
        );
    }

    /// Takes `device` off the network.
    pub fn disconnect(&mut self, device: Device) {
        drop(
            self.sockets
                .remove(&device)
                .expect("the device is connected"),
        );
    }

    /// The socket of `device`.
    pub fn at(&mut self, device: Device) -> &mut Socket {
        self.sockets
            .get_mut(&device)
            .expect("the device is connected")
    }

    /// Alice calls Bob, whose devices are told: the call's id.
    pub async fn ring(&mut self) -> String {
        let call = self.alice.call("bob").await;
        for device in [Device::BobPhone, Device::BobTablet] {
            if let Some(socket) = self.sockets.get_mut(&device) {
                assert_eq!(socket.expect("call_invitation").await["callId"], *call);
            }
        }
        call
    }

    /// Alice calls Bob, who answers on his phone, and whoever is told of it has read that.
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

    /// Says that exactly the devices `told` get a message of type `kind` with `data`, and that nothing
    /// else is on its way to anybody.
    pub async fn expect_only(&mut self, told: &[Device], kind: &str, data: &Value) {
        for device in told {
            let heard = self.at(*device).expect(kind).await;
            assert_eq!(heard, *data, "{device:?}");
        }
        self.expect_nothing().await;
    }

    /// Says that exactly the devices `told` hear that `who` ended `call`, after as many seconds as the
    /// call's details show: none where nobody had answered.
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

    /// Says that nothing is on its way to anybody.
    pub async fn expect_nothing(&mut self) {
        for socket in self.sockets.values_mut() {
            socket.expect_nothing().await;
        }
    }
}
