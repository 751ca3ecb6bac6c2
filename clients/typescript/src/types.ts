// Made by scripts/generate.mjs from the server's OpenAPI and AsyncAPI documents: change those instead.

/** The id of the user who did it, or `system`: the server's own limits, or an administrator. */
export type Actor = string;

export type AgoraToken = {
  /** What Agora's library takes to join. */
  token: string;
  channelId: ChannelId;
  /** The number to join with; always the same for a user. */
  uid: number;
  /** When the token ends. */
  expiresAt: Timestamp;
};

/** The body of `POST /v1/agora/token/generate` and `…/refresh`. */
export type AskAgoraToken = {
  /** The channel of the user's live call. */
  channelId: ChannelId;
  /** For how long, in seconds; an hour where nothing is said. */
  expirationSeconds?: number | null | undefined;
  role?: MediaRole | null | undefined;
  userId?: UserId | null | undefined;
};

/** A call. */
export type Call = {
  id: CallId;
  /** Who calls. */
  callerId: UserId;
  /** Who is called. */
  calleeId: UserId;
  callType: CallType;
  status: CallStatus;
  channelId: ChannelId;
  /** When the caller asked. */
  createdAt: Timestamp;
  /** When the call last changed. */
  updatedAt: Timestamp;
};

export type CallAccepted = {
  callId: CallId;
  /** The callee. */
  acceptedBy: UserId;
};

/** A call, with null for what has no value yet. */
export type CallDetails = {
  id: CallId;
  /** Who calls. */
  callerId: UserId;
  /** Who is called. */
  calleeId: UserId;
  callType: CallType;
  status: CallStatus;
  channelId: ChannelId;
  /** When the caller asked. */
  createdAt: Timestamp;
  /** When the call last changed. */
  updatedAt: Timestamp;
  startTime: Timestamp | null;
  endTime: Timestamp | null;
  durationSeconds: DurationSeconds | null;
};

export type CallEnded = {
  callId: CallId;
  endedBy: Actor;
  /** How long the call lasted; 0 where it was never accepted. */
  durationSeconds: DurationSeconds;
};

export type CallError = {
  /** The call id that was sent, whatever it was; null where none was. */
  callId: string | null;
  errorType: ErrorType;
  /** What went wrong, in a sentence for people. */
  message: string;
};

/** A call's id: a UUIDv7, lower case. */
export type CallId = string;

export type CallInvitation = {
  callId: CallId;
  channelId: ChannelId;
  callerId: UserId;
  /** The caller's name, to be shown. */
  callerName: string;
  /** The address of the caller's picture, where there is one. */
  callerAvatar: string | null;
  callType: CallType;
};

export type CallQuality = {
  callId: CallId;
  /** The caller, then the callee. */
  participants: Array<ParticipantQuality>;
};

export type CallQualityWarning = {
  callId: CallId;
  /** How bad the other participant's network is. */
  quality: WarningLevel;
};

export type CallRejected = {
  callId: CallId;
  /** The callee. */
  rejectedBy: UserId;
  reason: RejectReason;
};

export type CallSignal = {
  callId: CallId;
  /** The participant who sent it. */
  from: UserId;
  /** What was sent, as it was sent. */
  signal: Signal;
};

export type CallStatistics = {
  /** How many calls there were. */
  totalCalls: number;
  /** How long they lasted together, in seconds. */
  totalDurationSeconds: number;
  /** How long a COMPLETED call lasted on average, in seconds; 0 where there was none. */
  averageDurationSeconds: number;
  /** How many there were of each type. */
  callsByType: CallsByType;
  /** How many went each way. */
  callsByStatus: CallsByStatus;
};

/** Where a call stands. INITIATING (no device of the callee is connected), RINGING, CONNECTING (accepted) and ACTIVE (media flows) are live; ENDED, REJECTED and MISSED are final. */
export type CallStatus = "INITIATING" | "RINGING" | "CONNECTING" | "ACTIVE" | "ENDED" | "REJECTED" | "MISSED";

export type CallTimeout = {
  callId: CallId;
};

/** What the participants send each other. */
export type CallType = "AUDIO" | "VIDEO";

export type CallsByStatus = {
  COMPLETED: number;
  MISSED: number;
  REJECTED: number;
  CANCELLED: number;
};

export type CallsByType = {
  AUDIO: number;
  VIDEO: number;
};

/** The media channel that both participants join: what an Agora channel may be called. */
export type ChannelId = string;

/** What the database can do. */
export type DatabaseHealth = {
  /** It can be read. */
  readable: boolean;
  /** It can be written. */
  writable: boolean;
};

export type DeletedHistory = {
  /** How many entries there were. */
  deleted: number;
};

/** Which way a call went, seen from the owner of the history. */
export type Direction = "INCOMING" | "OUTGOING";

/** A length of time in whole seconds. */
export type DurationSeconds = number;

/** The body of `POST /v1/calls/{callId}/accept` and `…/ringing`, which says nothing. */
export type EmptyBody = Record<string, never>;

/** The body of `POST /v1/calls/{callId}/end`. */
export type EndCall = {
  durationSeconds?: DurationSeconds | null | undefined;
};

/** A call that is over, with its start where it was accepted. */
export type EndedCall = {
  id: CallId;
  /** Who calls. */
  callerId: UserId;
  /** Who is called. */
  calleeId: UserId;
  callType: CallType;
  status: CallStatus;
  channelId: ChannelId;
  /** When the caller asked. */
  createdAt: Timestamp;
  /** When the call last changed. */
  updatedAt: Timestamp;
  /** When the call was over. */
  endTime: Timestamp;
  /** How long the call lasted; 0 where it was never accepted. */
  durationSeconds: DurationSeconds;
  /** When the callee accepted. */
  startTime?: Timestamp | undefined;
};

/** What kind of failure it was: a stable word for programs. REST and the socket use the same ones. */
export type ErrorType = "unauthenticated" | "rate_limited" | "invalid_request" | "parse_error" | "call_not_found" | "user_not_found" | "not_found" | "not_configured" | "unauthorized" | "not_contacts" | "origin_not_allowed" | "address_not_allowed" | "invalid_status" | "caller_busy" | "user_busy" | "service_error" | "unavailable";

/** The envelope of a failure. */
export type Failure = {
  success: false;
  /** What went wrong, in a sentence for people; it names the field where one is wrong. */
  message: string;
  data: null;
  errorType: ErrorType;
};

export type HeartbeatAck = {
  /** The user of the session. */
  userId: UserId;
  /** The server's time. */
  timestamp: Timestamp;
};

/** What a user's history keeps of a call. */
export type HistoryEntry = {
  id: HistoryEntryId;
  callId: CallId;
  /** The other participant. */
  remoteUserId: UserId;
  /** The other participant's name, as it is today. */
  remoteUserName: string;
  /** The address of the other participant's picture, where there is one. */
  remoteUserAvatar: string | null;
  callType: CallType;
  status: HistoryStatus;
  direction: Direction;
  /** When the call was initiated. */
  timestamp: Timestamp;
  durationSeconds: DurationSeconds | null;
};

/** The name of an entry in a history: it means something to its owner alone. */
export type HistoryEntryId = string;

export type HistoryPage = {
  /** The entries, newest first. */
  items: Array<HistoryEntry>;
  /** What to ask the next page with; null where this is the last. */
  nextCursor: string | null;
};

/** How a call went, as its owner sees it: COMPLETED (answered), MISSED, REJECTED, or CANCELLED (given up by the caller, who sees it so; the callee has MISSED it). */
export type HistoryStatus = "COMPLETED" | "MISSED" | "REJECTED" | "CANCELLED";

/** Servers of one kind. */
export type IceServer = {
  /** Their addresses. */
  urls: Array<string>;
  /** The password. */
  credential?: string | undefined;
  /** The name to give; only TURN servers want one. */
  username?: string | undefined;
};

export type IceServers = {
  /** What `RTCPeerConnection` takes under this name. */
  iceServers: Array<IceServer>;
  expiresAt: Timestamp | null;
};

/** The body of `POST /v1/calls/initiate`. */
export type InitiateCall = {
  /** Who is called. */
  calleeId: UserId;
  /** What the participants will send each other. */
  callType: CallType;
  /** Where the media will flow. */
  channelId: ChannelId;
};

/** The body of `POST` and `DELETE /v1/users/blocks` and `/v1/contacts`. */
export type ListUser = {
  /** Who is put on the list, or taken off it. */
  userId: UserId;
};

/** A user on a list. */
export type ListedUser = {
  userId: UserId;
  /** The user's name. */
  name: string;
  /** The address of the user's picture, where there is one. */
  avatar: string | null;
  /** Since when the user is on the list. */
  createdAt: Timestamp;
};

/** What a participant may do in the media channel. */
export type MediaRole = "publisher" | "subscriber";

/** How well a participant's network carries the call. */
export type NetworkQuality = "UNKNOWN" | "EXCELLENT" | "GOOD" | "POOR" | "BAD" | "VERY_BAD";

/** What a participant has reported of its network. */
export type ParticipantQuality = {
  userId: UserId;
  /** How many reports there were. */
  reportCount: number;
  worstQuality: NetworkQuality | null;
  /** The share of packets lost, on average, from 0 to 1; null where it was never reported. */
  averagePacketLossRate: number | null;
  /** Milliseconds to the other end and back, on average; null where they were never reported. */
  averageRoundTripTime: number | null;
};

/** A span of time that ends now: 24 hours, 7, 30 or 365 days, or all time. */
export type Period = "day" | "week" | "month" | "year" | "all";

export type QualityReport = {
  networkQuality: ReportedQuality;
  /** The share of packets lost, from 0 to 1, where it was measured. */
  packetLossRate?: number | null | undefined;
  /** Milliseconds to the other end and back, where they were measured. */
  roundTripTime?: number | null | undefined;
};

/** Whether the server can do its work, and what of it cannot. */
export type Readiness = {
  /** `ready`, `not_ready` or `stopping`. */
  status: string;
  /** The program's version. */
  version: string;
  /** Whole seconds since the start. */
  uptimeSeconds: number;
  /** The database. */
  database: DatabaseHealth;
  /** The sweeper, which ends calls by their deadlines. */
  sweeper: SweeperHealth;
  /** Writes that wait. */
  queueDepth: number;
  /** The receivers of webhooks, where there are any. */
  webhooks?: Array<ReceiverHealth> | undefined;
};

/** How a receiver of webhooks is. Where it is, is nobody's business here. */
export type ReceiverHealth = {
  /** Its number. */
  receiver: number;
  /** `working`, `failing` or `paused`; only an administrator resumes a paused one. */
  state: string;
};

/** The body of `POST /v1/calls/{callId}/reject`. */
export type RejectCall = {
  /** Why. */
  reason: RejectReason;
};

/** Why the callee rejects a call. */
export type RejectReason = "busy" | "declined" | "unavailable";

/** The level as a word, or as Agora's number for it. */
export type ReportedQuality = NetworkQuality | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 8;

export type SessionRefreshed = {
  /** When the new token expires. */
  expiresAt: Timestamp;
};

/** The body of `PATCH /v1/calls/{callId}/status`. */
export type SetCallStatus = {
  /** The status to be. */
  status: TargetStatus;
};

/** Any JSON of at most 32 KiB, passed on as it was sent; what it means is between the two apps. */
export type Signal = unknown;

/** A call, with its start where it was accepted. */
export type StartedCall = {
  id: CallId;
  /** Who calls. */
  callerId: UserId;
  /** Who is called. */
  calleeId: UserId;
  callType: CallType;
  status: CallStatus;
  channelId: ChannelId;
  /** When the caller asked. */
  createdAt: Timestamp;
  /** When the call last changed. */
  updatedAt: Timestamp;
  /** When the callee accepted. */
  startTime?: Timestamp | undefined;
};

/** How the sweeper is. */
export type SweeperHealth = {
  /** It has shown itself in the last 10 s. */
  alive: boolean;
  /** For how many milliseconds it has been due. */
  lateMs: number;
};

/** A status that a participant may set. */
export type TargetStatus = "CONNECTING" | "ACTIVE" | "ENDED";

/** An instant: RFC 3339 in UTC with milliseconds. */
export type Timestamp = string;

export type UnseenCalls = {
  /** How many calls one has missed since one last marked the history as seen. */
  missed: number;
};

/** A user's id, as your login service knows it. */
export type UserId = string;

/** Whether a user is connected. */
export type UserStatus = {
  userId: UserId;
  /** Whether a session of the user is connected. */
  isOnline: boolean;
  /** How many of them are. */
  activeSessionCount: number;
};

/** A level of which participants are warned. */
export type WarningLevel = "POOR" | "BAD" | "VERY_BAD";

/** What each operation of the REST interface takes and gives. */
export interface Operations {
  /** Initiate a call */
  initiateCall: {
    path: undefined;
    query: undefined;
    body: InitiateCall;
    data: Call;
  };
  /** Say that a call rings */
  ringCall: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: EmptyBody;
    data: Call;
  };
  /** Accept a call */
  acceptCall: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: EmptyBody;
    data: StartedCall;
  };
  /** Reject a call */
  rejectCall: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: RejectCall;
    data: Call;
  };
  /** End a call */
  endCall: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: EndCall;
    data: EndedCall;
  };
  /** Set the status of a call */
  setCallStatus: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: SetCallStatus;
    data: StartedCall;
  };
  /** Get one's live call */
  getActiveCall: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: CallDetails | null;
  };
  /** Get a call */
  getCall: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: undefined;
    data: CallDetails;
  };
  /** Get what was reported of a call's quality */
  getQuality: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: undefined;
    data: CallQuality;
  };
  /** Report the quality of a call */
  reportQuality: {
    path: {
      callId: CallId;
    };
    query: undefined;
    body: QualityReport;
    data: null;
  };
  /** Get a page of one's history */
  getHistory: {
    path: undefined;
    query: {
      /** How many entries a page has at most. */
      limit?: number | undefined;
      /** The `nextCursor` of the page before; none, or an empty one, is the first page's. */
      cursor?: string | undefined;
      status?: HistoryStatus | undefined;
      callType?: CallType | undefined;
      direction?: Direction | undefined;
    };
    body: undefined;
    data: HistoryPage;
  };
  /** Delete one's history */
  deleteHistory: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: DeletedHistory;
  };
  /** Delete an entry of one's history */
  deleteHistoryEntry: {
    path: {
      id: HistoryEntryId;
    };
    query: undefined;
    body: undefined;
    data: null;
  };
  /** Count one's unseen missed calls */
  getUnseenCalls: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: UnseenCalls;
  };
  /** Mark one's history as seen */
  markHistorySeen: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: null;
  };
  /** Count one's calls */
  getStatistics: {
    path: undefined;
    query: {
      period?: Period | undefined;
    };
    body: undefined;
    data: CallStatistics;
  };
  /** List who is online */
  getOnlineUsers: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: Array<UserStatus>;
  };
  /** Is a user online? */
  getUserStatus: {
    path: {
      userId: UserId;
    };
    query: undefined;
    body: undefined;
    data: UserStatus;
  };
  /** List whom one has blocked */
  getBlockedUsers: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: Array<ListedUser>;
  };
  /** Block a user */
  blockUser: {
    path: undefined;
    query: undefined;
    body: ListUser;
    data: ListedUser;
  };
  /** Unblock a user */
  unblock: {
    path: undefined;
    query: {
      userId?: UserId | undefined;
    };
    body: ListUser;
    data: null;
  };
  /** Unblock a user, by path */
  unblockUser: {
    path: {
      userId: UserId;
    };
    query: undefined;
    body: undefined;
    data: null;
  };
  /** List one's contacts */
  getContacts: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: Array<ListedUser>;
  };
  /** Add a contact */
  addContact: {
    path: undefined;
    query: undefined;
    body: ListUser;
    data: ListedUser;
  };
  /** Remove a contact */
  removeContact: {
    path: undefined;
    query: {
      userId?: UserId | undefined;
    };
    body: ListUser;
    data: null;
  };
  /** Remove a contact, by path */
  removeContactByPath: {
    path: {
      userId: UserId;
    };
    query: undefined;
    body: undefined;
    data: null;
  };
  /** Get the servers for ICE */
  getIceServers: {
    path: undefined;
    query: undefined;
    body: undefined;
    data: IceServers;
  };
  /** Get a token for a channel at Agora */
  generateAgoraToken: {
    path: undefined;
    query: undefined;
    body: AskAgoraToken;
    data: AgoraToken;
  };
  /** Get the next token for a channel at Agora */
  refreshAgoraToken: {
    path: undefined;
    query: undefined;
    body: AskAgoraToken;
    data: AgoraToken;
  };
}

/** The method and the path of each. */
export const OPERATIONS = {
  initiateCall: ["POST", "/api/v1/calls/initiate"],
  ringCall: ["POST", "/api/v1/calls/{callId}/ringing"],
  acceptCall: ["POST", "/api/v1/calls/{callId}/accept"],
  rejectCall: ["POST", "/api/v1/calls/{callId}/reject"],
  endCall: ["POST", "/api/v1/calls/{callId}/end"],
  setCallStatus: ["PATCH", "/api/v1/calls/{callId}/status"],
  getActiveCall: ["GET", "/api/v1/calls/active"],
  getCall: ["GET", "/api/v1/calls/{callId}"],
  getQuality: ["GET", "/api/v1/calls/{callId}/quality"],
  reportQuality: ["POST", "/api/v1/calls/{callId}/quality"],
  getHistory: ["GET", "/api/v1/calls/history"],
  deleteHistory: ["DELETE", "/api/v1/calls/history"],
  deleteHistoryEntry: ["DELETE", "/api/v1/calls/history/{id}"],
  getUnseenCalls: ["GET", "/api/v1/calls/history/unseen"],
  markHistorySeen: ["POST", "/api/v1/calls/history/seen"],
  getStatistics: ["GET", "/api/v1/calls/statistics"],
  getOnlineUsers: ["GET", "/api/v1/users/status/online"],
  getUserStatus: ["GET", "/api/v1/users/status/{userId}"],
  getBlockedUsers: ["GET", "/api/v1/users/blocks"],
  blockUser: ["POST", "/api/v1/users/blocks"],
  unblock: ["DELETE", "/api/v1/users/blocks"],
  unblockUser: ["DELETE", "/api/v1/users/blocks/{userId}"],
  getContacts: ["GET", "/api/v1/contacts"],
  addContact: ["POST", "/api/v1/contacts"],
  removeContact: ["DELETE", "/api/v1/contacts"],
  removeContactByPath: ["DELETE", "/api/v1/contacts/{userId}"],
  getIceServers: ["GET", "/api/v1/ice-servers"],
  generateAgoraToken: ["POST", "/api/v1/agora/token/generate"],
  refreshAgoraToken: ["POST", "/api/v1/agora/token/refresh"],
} as const;

/** What the server says on the socket, by type. */
export interface ServerMessages {
  /** The call was accepted. */
  "call_accepted": {
    type: "call_accepted";
    data: CallAccepted;
    timestamp: Timestamp;
  };
  /** The call is over. */
  "call_ended": {
    type: "call_ended";
    data: CallEnded;
    timestamp: Timestamp;
  };
  /** A message was refused. */
  "call_error": {
    type: "call_error";
    payload: CallError;
  };
  /** Somebody calls. */
  "call_invitation": {
    type: "call_invitation";
    data: CallInvitation;
    timestamp: Timestamp;
  };
  /** The other participant's network is bad. */
  "call_quality_warning": {
    type: "call_quality_warning";
    data: CallQualityWarning;
    timestamp: Timestamp;
  };
  /** The call was rejected. */
  "call_rejected": {
    type: "call_rejected";
    data: CallRejected;
    timestamp: Timestamp;
  };
  /** The other participant says something. */
  "call_signal": {
    type: "call_signal";
    data: CallSignal;
    timestamp: Timestamp;
  };
  /** The call was not answered in time. */
  "call_timeout": {
    type: "call_timeout";
    data: CallTimeout;
    timestamp: Timestamp;
  };
  /** The connection stands. */
  "heartbeat.ack": {
    type: "heartbeat.ack";
    payload: HeartbeatAck;
  };
  /** The session goes on. */
  "session.refreshed": {
    type: "session.refreshed";
    payload: SessionRefreshed;
  };
}

/** What clients say on the socket, by type. */
export interface ClientMessages {
  /** Accept a call. */
  "call.accept": {
    type: "call.accept";
    payload: {
      callId: CallId;
    };
  };
  /** End a call. */
  "call.end": {
    type: "call.end";
    payload: {
      callId: CallId;
      /** How long the call lasted, in whole seconds; where it is left out or null, the server counts from `startTime`. */
      durationSeconds?: number | null | undefined;
    };
  };
  /** Report the quality of a call. */
  "call.quality": {
    type: "call.quality";
    payload: {
      callId: CallId;
      networkQuality: ReportedQuality;
      /** The share of packets lost, from 0 to 1, where it was measured. */
      packetLossRate?: number | null | undefined;
      /** Milliseconds to the other end and back, where they were measured. */
      roundTripTime?: number | null | undefined;
    };
  };
  /** Reject a call. */
  "call.reject": {
    type: "call.reject";
    payload: {
      callId: CallId;
      reason: RejectReason;
    };
  };
  /** Tell the other participant something. */
  "call.signal": {
    type: "call.signal";
    payload: {
      callId: CallId;
      signal: Signal;
    };
  };
  /** Ask whether the connection stands. */
  "heartbeat": {
    type: "heartbeat";
    payload: Record<string, never>;
  };
  /** Go on with a new token. */
  "session.refresh": {
    type: "session.refresh";
    payload: {
      /** A new token for the same user and session. */
      token: string;
    };
  };
}

/** The codes with which the server closes a socket. */
export type CloseCode =
  /** silent for too long */
  | 1001
  /** protocol error */
  | 1002
  /** text is not UTF-8 */
  | 1007
  /** user disabled */
  | 1008
  /** flood of frames without messages */
  | 1008
  /** message too long */
  | 1009
  /** unexpected server error */
  | 1011
  /** server stopping */
  | 1012
  /** too many events wait; reconnect */
  | 1013
  /** try again later */
  | 1013
  /** replaced by another connection */
  | 4000
  /** token expired */
  | 4001;
