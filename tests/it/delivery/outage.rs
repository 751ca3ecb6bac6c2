//! Table of outages: the network of one participant goes silent before or after each step of a call, and comes back at
//! once, soon, or after the server has closed the connection; with and without a crash of the server in between.

use std::time::Duration;

use chattrix::call::transition::{Limits, Target};
use chattrix::call::{Call, CallId, CallType, Event, Principal, RejectReason, Source, Status};
use chattrix::service::{Error, NewCall, Rules, Service};
use chattrix::user::{Profile, SessionId, UserId};
use futures_util::future::join_all;

use super::device::{Dated, Device};
use super::expected::{answers, events_for, in_order_and_once};
use crate::support::ServiceFixture;
use crate::support::model::channel;

const RING: Duration = Duration::from_mins(1);
/// Silence after which the server closes a connection.
const IDLE: Duration = Duration::from_secs(75);
/// Time between two steps of a call.
const STEP: Duration = Duration::from_millis(100);

/// Step of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Initiate,
    Accept,
    Reject,
    Activate,
    EndByCaller,
    EndByCallee,
    /// The call rings for too long, or an answered call goes on.
    Wait,
}

/// The ways that a call takes.
const CALLS: [&[Step]; 5] = [
    &[
        Step::Initiate,
        Step::Accept,
        Step::Activate,
        Step::EndByCaller,
    ],
    &[
        Step::Initiate,
        Step::Accept,
        Step::Activate,
        Step::EndByCallee,
    ],
    &[Step::Initiate, Step::EndByCaller],
    &[Step::Initiate, Step::Reject],
    &[Step::Initiate, Step::Wait],
];

/// Steps of the longest call.
const LONGEST: usize = 4;

/// What the network does, and when.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a column of the table"
)]
struct Outage {
    steps: &'static [Step],
    /// Whose network it is.
    is_callers: bool,
    /// The step before which it goes silent.
    before: usize,
    /// Whether it lets the events of the step before through, but not their confirmation.
    loses_confirmation: bool,
    /// Whether all steps that are left happen meanwhile, or only the next one.
    all_meanwhile: bool,
    has_second_device: bool,
    /// Whether the device comes back under another session id.
    is_new_session: bool,
}

fn outages() -> Vec<Outage> {
    let mut outages = Vec::new();
    let both = [false, true];
    for steps in CALLS {
        for before in 0..=steps.len() {
            for bits in 0..32_usize {
                let bit = |place: usize| both[bits >> place & 1];
                outages.push(Outage {
                    steps,
                    before,
                    is_callers: bit(0),
                    loses_confirmation: bit(1),
                    all_meanwhile: bit(2),
                    has_second_device: bit(3),
                    is_new_session: bit(4),
                });
            }
        }
    }
    outages
}

/// Two users in a call, one of whom has the outage.
struct Pair {
    outage: Outage,
    caller: Device,
    callee: Device,
    /// Second device of the user with the outage, whose network works.
    second: Option<Device>,
    call: Option<CallId>,
    /// Whether the call rings when the device is back.
    rings_on_return: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_outage_leaves_each_user_with_every_event() {
    let users: Vec<Profile> = (0..2 * outages().len()).map(profile).collect();
    let rules = Rules::only(Limits {
        ring_timeout: RING,
        max_call_duration: None,
    });
    let mut fixture = ServiceFixture::new(&users, rules, 1);
    for seconds in [1, 20, 85] {
        for server_crashes in [false, true] {
            let pairs = outages().into_iter().enumerate();
            let pairs = pairs.map(|(place, outage)| {
                let users = [2 * place, 2 * place + 1].map(|n| users[n].id.clone());
                Pair::new(outage, users)
            });
            let absent = Duration::from_secs(seconds);
            run(&mut fixture, pairs.collect(), absent, server_crashes).await;
            // Nothing of these calls is owed to anybody any more.
            fixture.clock.advance(Duration::from_mins(10));
        }
    }
}

/// Runs the calls of all pairs, each with its outage of length `absent`.
async fn run(
    fixture: &mut ServiceFixture,
    mut pairs: Vec<Pair>,
    absent: Duration,
    server_crashes: bool,
) {
    each(&mut pairs, async |pair| {
        pair.connect(&fixture.service).await;
    })
    .await;
    for step in 0..=LONGEST {
        pass(fixture, &mut pairs, STEP).await;
        each(&mut pairs, async |pair| {
            if pair.outage.before == step {
                pair.device().is_silent = true;
            }
            if pair.outage.before >= step || pair.outage.all_meanwhile {
                pair.act(&fixture.service, step).await;
            }
        })
        .await;
    }
    pass(fixture, &mut pairs, absent.min(IDLE)).await;
    if absent > IDLE {
        each(&mut pairs, async |pair| {
            pair.device().time_out(&fixture.service).await;
        })
        .await;
        pass(fixture, &mut pairs, absent.saturating_sub(IDLE)).await;
    }
    if server_crashes {
        fixture.crash().await;
    }
    each(&mut pairs, async |pair| {
        pair.come_back(&fixture.service, server_crashes).await;
    })
    .await;
    for step in 0..=LONGEST {
        pass(fixture, &mut pairs, STEP).await;
        each(&mut pairs, async |pair| {
            if step > pair.outage.before && !pair.outage.all_meanwhile {
                pair.act(&fixture.service, step).await;
            }
        })
        .await;
    }
    pass(fixture, &mut pairs, RING).await;
    for pair in &pairs {
        pair.check(&fixture.service, server_crashes);
    }
}

async fn each(pairs: &mut [Pair], step: impl AsyncFn(&mut Pair)) {
    join_all(pairs.iter_mut().map(|pair| step(pair))).await;
}

/// Time passes, the server does what is due, and every device reads.
async fn pass(fixture: &ServiceFixture, pairs: &mut [Pair], time: Duration) {
    fixture.clock.advance(time);
    let swept = fixture.service.deadlines().end_overdue_calls().await;
    swept.expect("swept");
    each(pairs, async |pair| pair.read(&fixture.service).await).await;
}

fn profile(n: usize) -> Profile {
    Profile {
        id: UserId::parse(&format!("user-{n}")).expect("an id"),
        name: format!("User {n}"),
        avatar: None,
    }
}

impl Pair {
    fn new(outage: Outage, [caller, callee]: [UserId; 2]) -> Self {
        let user = if outage.is_callers { &caller } else { &callee };
        let second = outage
            .has_second_device
            .then(|| Device::new(user, "second"));
        Self {
            outage,
            caller: Device::new(&caller, "first"),
            callee: Device::new(&callee, "first"),
            second,
            call: None,
            rings_on_return: false,
        }
    }

    /// The device with the outage.
    fn device(&mut self) -> &mut Device {
        if self.outage.is_callers {
            &mut self.caller
        } else {
            &mut self.callee
        }
    }

    fn devices(&mut self) -> impl Iterator<Item = &mut Device> {
        [&mut self.caller, &mut self.callee]
            .into_iter()
            .chain(&mut self.second)
    }

    async fn connect(&mut self, service: &Service) {
        for device in self.devices() {
            device.connect(service).await;
        }
    }

    async fn read(&mut self, service: &Service) {
        for device in self.devices() {
            device.read(service).await;
        }
    }

    /// Takes step number `step`, if the call has it and is not over.
    async fn act(&mut self, service: &Service, step: usize) {
        let Some(action) = self.outage.steps.get(step) else {
            return;
        };
        let by_caller = matches!(action, Step::Initiate | Step::Activate | Step::EndByCaller);
        let principal = self.actor(by_caller);
        let calls = service.calls();
        if *action == Step::Initiate {
            let new = NewCall {
                callee: self.callee.user.clone(),
                call_type: CallType::Video,
                channel: channel(),
                idempotency_key: None,
            };
            let call = calls.initiate(principal, new).await.expect("made");
            self.call = Some(call.id);
        } else {
            let call = self.call.expect("initiated");
            let done = match action {
                Step::Accept => calls.accept(principal, call).await,
                Step::Reject => calls.reject(principal, call, RejectReason::Busy).await,
                Step::Activate => calls.set_status(principal, call, Target::Active).await,
                Step::EndByCaller | Step::EndByCallee => calls.end(principal, call, None).await,
                Step::Initiate | Step::Wait => return,
            };
            // The call may have been missed during the outage.
            assert!(matches!(done, Ok(_) | Err(Error::Refused(_))), "{done:?}");
        }
        if self.outage.loses_confirmation && self.outage.before == step + 1 {
            self.device().read_without_confirming();
            self.device().is_silent = true;
        }
    }

    /// Who acts: the user's device, or if its network is silent the second one, or a request from elsewhere.
    fn actor(&self, is_caller: bool) -> Principal {
        let device = if is_caller {
            &self.caller
        } else {
            &self.callee
        };
        if !device.is_silent {
            return device.principal();
        }
        let elsewhere = Principal {
            session: SessionId::new("elsewhere"),
            via: Source::Rest,
            ..device.principal()
        };
        self.second.as_ref().map_or(elsewhere, Device::principal)
    }

    /// The network works again. After a crash all devices connect.
    async fn come_back(&mut self, service: &Service, server_crashed: bool) {
        if server_crashed {
            self.devices().for_each(Device::lose_the_server);
            let is_callers = self.outage.is_callers;
            let other = if is_callers {
                &mut self.callee
            } else {
                &mut self.caller
            };
            other.connect(service).await;
            if let Some(second) = &mut self.second {
                second.connect(service).await;
                second.read(service).await;
            }
        }
        let is_new = self.outage.is_new_session;
        let device = self.device();
        if is_new {
            device.session = SessionId::new("returned");
        }
        device.connect(service).await;
        if let Some(call) = self.call {
            let call = service.calls().get(&self.caller.user, call).expect("found");
            self.rings_on_return = call.status() == Status::Ringing;
        }
    }

    fn check(&self, service: &Service, server_crashed: bool) {
        let call = self.call.expect("initiated");
        let call = service.calls().get(&self.caller.user, call).expect("found");
        let place = format!("{:?}, crash: {server_crashed}, {call:?}", self.outage);
        for device in [&self.caller, &self.callee].into_iter().chain(&self.second) {
            let expected = events_for(&call, &device.user);
            for connection in device.connections() {
                in_order_and_once(connection, &call, &place);
            }
            // A new session of a user whose other session has received an event does not need it.
            let is_redundant = self.outage.has_second_device
                && self.outage.is_new_session
                && device.session.as_str() == "returned";
            if !is_redundant {
                let received: Vec<Event> = answers(&device.received(), &call, &device.user);
                assert_eq!(received, expected, "{place}\n{:#?}", device.connections());
            }
        }
        self.check_invitation(&call, &place);
    }

    /// The callee got the invitation, unless it was away for as long as the call rang.
    fn check_invitation(&self, call: &Call, place: &str) {
        let is_invitation = |(event, _): &Dated| matches!(event, Event::Invitation(_));
        if self.rings_on_return {
            let last = self.callee.connections().last().expect("connected");
            assert!(
                self.outage.is_callers || last.iter().any(is_invitation),
                "{place}"
            );
        }
        let devices = [&self.callee].into_iter().chain(&self.second);
        let mut invited = devices
            .filter(|device| device.user == call.callee)
            .flat_map(Device::received)
            .filter(is_invitation);
        let was_away = !self.outage.is_callers && self.outage.before == 0;
        assert!(was_away || invited.next().is_some(), "{place}");
    }
}

#[tokio::test]
async fn overdue_call_invites_nobody_before_the_sweep() {
    let users = [profile(0), profile(1)];
    let rules = Rules::only(Limits {
        ring_timeout: RING,
        max_call_duration: None,
    });
    let fixture = ServiceFixture::new(&users, rules, 1);
    let mut callee = Device::new(&users[1].id, "first");
    let caller = Device::new(&users[0].id, "first").principal();
    let new = NewCall {
        callee: users[1].id.clone(),
        call_type: CallType::Video,
        channel: channel(),
        idempotency_key: None,
    };
    let calls = fixture.service.calls();
    let call = calls.initiate(caller, new).await.expect("made").id;
    fixture.clock.advance(RING);
    callee.connect(&fixture.service).await;
    callee.read(&fixture.service).await;
    assert_eq!(callee.received(), []);
    let swept = fixture.service.deadlines().end_overdue_calls().await;
    assert_eq!(swept.expect("swept"), 1);
    callee.read(&fixture.service).await;
    let received: Vec<Event> = callee
        .received()
        .into_iter()
        .map(|(event, _)| event)
        .collect();
    assert_eq!(received, [Event::TimedOut { call }]);
}
