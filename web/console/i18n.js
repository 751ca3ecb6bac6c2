// What the page says, in English and Vietnamese.

import { Store } from './store.js';

const TEXTS = {
  en: {
    console: 'Console', language: 'Language', 'dark-mode': 'Dark', 'light-mode': 'Light', theme: 'Colours',
    'one-person': 'One person', 'two-people': 'Two people', layout: 'Windows', 'skip-to-calls': 'Skip to the calls',
    'sign-in': 'Sign in', 'who-are-you': 'Who is on this phone?', 'pick-a-person': 'Pick one of the users of this development server.',
    'no-people': 'There is nobody yet. Make users with: chattrix seed --dev', 'paste-token': 'Use a token', token: 'Token',
    'token-hint': 'From your login service, or: chattrix token ID', 'bad-token': 'This is no JSON Web Token.',
    'signs-in-as': '{name} is signed in', 'sign-out': 'Sign out', 'token-refused': 'The token has expired or is not valid any more.',
    'new-token': 'Give me a new one', connecting: 'Connecting', online: 'Online', reconnecting: 'Reconnecting', closed: 'Signed out',
    replaced: 'Opened in another window', expired: 'Token expired', 'take-over': 'Use it here', people: 'People', history: 'History', statistics: 'Statistics',
    'person-online': 'online', 'person-offline': 'offline', devices: '{count} devices', 'call-voice': 'Voice call to {name}', 'call-video': 'Video call to {name}',
    voice: 'Voice', video: 'Video', 'call-by-id': 'Call by user id', 'user-id': 'User id', simulate: 'Let {name} answer by itself', 'stop-simulating': 'Stop simulating {name}',
    simulated: 'simulated', 'nobody-else': 'Nobody else is online. Open a second window, or let somebody answer by itself.', 'nobody-known': 'Nobody else is online. Call somebody by their id.',
    'calls-video': '{name} is calling: video', 'calls-voice': '{name} is calling: voice', 'incoming-video': 'Incoming video call', 'incoming-voice': 'Incoming voice call',
    calling: 'Calling', ringing: 'Ringing', 'not-there': 'Not connected yet', 'seconds-left': '{count} s left', accept: 'Accept', reject: 'Reject',
    'reject-why': 'Reject as', decline: 'Decline', declined: 'Declined', busy: 'Busy', unavailable: 'Unavailable', cancel: 'Cancel', 'hang-up': 'Hang up',
    connectingmedia: 'Setting up media', mute: 'Mute', unmute: 'Unmute', 'camera-off': 'Camera off', 'camera-on': 'Camera on', 'sound-on': 'Sound on', 'sound-off': 'Sound off',
    'their-video': 'Video of {name}', 'your-video': 'Your own video', drawn: 'no camera: drawn picture', interrupted: 'Connection interrupted: looking for another way',
    'in-call-with': 'In a call with {name}', 'call-time': 'Call time', 'answered-elsewhere': 'Answered on another of your devices', 'in-call-elsewhere': 'You are in a call on another device.', 'end-it': 'End that call',
    ended: 'Call with {name} ended', 'ended-by-system': 'The server ended the call', 'ended-after': 'after {time}', cancelled: 'You cancelled', 'they-cancelled': '{name} cancelled', 'you-rejected': 'You rejected the call of {name}',
    'they-rejected': '{name} rejected: {reason}', 'nobody-answered': '{name} did not answer', 'you-missed': 'You missed a call of {name}', dismiss: 'Dismiss', 'call-again': 'Call again',
    quality: 'Quality', EXCELLENT: 'Excellent', GOOD: 'Good', POOR: 'Poor', BAD: 'Bad', VERY_BAD: 'Very bad', UNKNOWN: 'Unknown',
    'their-network': 'The network of {name} is {quality}', 'round-trip': 'Round trip', loss: 'Loss', incoming: 'Incoming', frames: 'Frames', 'per-second': '{count}/s', pretend: 'Report a network that is', measured: 'as measured',
    'quality-graph': 'Round trip and loss over the last two minutes', 'no-history': 'No calls yet.', more: 'More', remove: 'Remove from the history', 'missed-calls': '{count} missed',
    COMPLETED: 'Completed', MISSED: 'Missed', REJECTED: 'Rejected', CANCELLED: 'Cancelled', INCOMING: 'Incoming', OUTGOING: 'Outgoing',
    'total-calls': 'Calls', 'total-time': 'Time', 'average-time': 'Average', period: 'Period', day: 'Day', week: 'Week', month: 'Month', year: 'Year', all: 'All',
    'for-developers': 'For developers', 'log-help': 'Every request and message, as an app sends and gets it.', filter: 'Filter', 'filter-hint': 'type, id, text', 'hide-routine': 'Hide routine', clear: 'Clear', everybody: 'Everybody', who: 'Who', 'nothing-logged': 'Nothing yet.',
    sent: 'sent', received: 'received', 'copy-curl': 'Copy as curl', 'copy-json': 'Copy as JSON', copied: 'Copied', answer: 'Answer', request: 'Request', message: 'Message', 'copy-token': 'Copy token',
    'send-message': 'Send a message', template: 'Template', 'message-json': 'Message', send: 'Send', awkward: 'Awkward cases', 'awkward-help': 'What an app gets when it does what it should not.',
    'accept-twice': 'Accept twice', 'end-after-end': 'End after the end', malformed: 'Malformed JSON', 'unknown-type': 'Unknown type', 'unknown-call': 'A call that is not there', 'call-oneself': 'Call oneself', 'early-signal': 'Signal without a call', 'empty-body': 'Initiate with an empty body', 'needs-a-call': 'Make or get a call first.', 'as-whom': 'As',
    simulatedanswers: '{name} is simulated and answers by itself', newwindow: 'Open {name} in a window', shown: '{count} shown',
  },
  vi: {
    console: 'Bảng điều khiển', language: 'Ngôn ngữ', 'dark-mode': 'Tối', 'light-mode': 'Sáng', theme: 'Màu sắc',
    'one-person': 'Một người', 'two-people': 'Hai người', layout: 'Khung', 'skip-to-calls': 'Tới phần cuộc gọi',
    'sign-in': 'Đăng nhập', 'who-are-you': 'Ai dùng máy này?', 'pick-a-person': 'Chọn một người dùng của máy chủ thử nghiệm này.',
    'no-people': 'Chưa có ai. Tạo người dùng bằng: chattrix seed --dev', 'paste-token': 'Dùng token', token: 'Token',
    'token-hint': 'Từ dịch vụ đăng nhập của bạn, hoặc: chattrix token ID', 'bad-token': 'Đây không phải là JSON Web Token.',
    'signs-in-as': '{name} đã đăng nhập', 'sign-out': 'Đăng xuất', 'token-refused': 'Token đã hết hạn hoặc không còn hợp lệ.',
    'new-token': 'Lấy token mới', connecting: 'Đang kết nối', online: 'Trực tuyến', reconnecting: 'Đang kết nối lại', closed: 'Đã đăng xuất',
    replaced: 'Đang mở ở cửa sổ khác', expired: 'Token hết hạn', 'take-over': 'Dùng ở đây', people: 'Mọi người', history: 'Lịch sử', statistics: 'Thống kê',
    'person-online': 'trực tuyến', 'person-offline': 'ngoại tuyến', devices: '{count} thiết bị', 'call-voice': 'Gọi thoại cho {name}', 'call-video': 'Gọi video cho {name}',
    voice: 'Thoại', video: 'Video', 'call-by-id': 'Gọi theo mã người dùng', 'user-id': 'Mã người dùng', simulate: 'Để {name} tự trả lời', 'stop-simulating': 'Ngừng mô phỏng {name}',
    simulated: 'mô phỏng', 'nobody-else': 'Không có ai khác trực tuyến. Mở cửa sổ thứ hai, hoặc để một người tự trả lời.', 'nobody-known': 'Không có ai khác trực tuyến. Hãy gọi theo mã người dùng.',
    'calls-video': '{name} gọi video', 'calls-voice': '{name} gọi thoại', 'incoming-video': 'Cuộc gọi video đến', 'incoming-voice': 'Cuộc gọi thoại đến',
    calling: 'Đang gọi', ringing: 'Đang đổ chuông', 'not-there': 'Chưa kết nối', 'seconds-left': 'còn {count} giây', accept: 'Trả lời', reject: 'Từ chối',
    'reject-why': 'Lý do từ chối', decline: 'Từ chối', declined: 'Không nhận', busy: 'Đang bận', unavailable: 'Không tiện', cancel: 'Hủy', 'hang-up': 'Kết thúc',
    connectingmedia: 'Đang thiết lập âm thanh và hình ảnh', mute: 'Tắt mic', unmute: 'Bật mic', 'camera-off': 'Tắt camera', 'camera-on': 'Bật camera', 'sound-on': 'Bật tiếng', 'sound-off': 'Tắt tiếng',
    'their-video': 'Video của {name}', 'your-video': 'Video của bạn', drawn: 'không có camera: hình vẽ', interrupted: 'Kết nối gián đoạn: đang tìm đường khác',
    'in-call-with': 'Đang gọi với {name}', 'call-time': 'Thời gian gọi', 'answered-elsewhere': 'Đã trả lời trên thiết bị khác của bạn', 'in-call-elsewhere': 'Bạn đang gọi trên thiết bị khác.', 'end-it': 'Kết thúc cuộc gọi đó',
    ended: 'Cuộc gọi với {name} đã kết thúc', 'ended-by-system': 'Máy chủ đã kết thúc cuộc gọi', 'ended-after': 'sau {time}', cancelled: 'Bạn đã hủy', 'they-cancelled': '{name} đã hủy', 'you-rejected': 'Bạn đã từ chối cuộc gọi của {name}',
    'they-rejected': '{name} từ chối: {reason}', 'nobody-answered': '{name} không trả lời', 'you-missed': 'Bạn đã nhỡ cuộc gọi của {name}', dismiss: 'Đóng', 'call-again': 'Gọi lại',
    quality: 'Chất lượng', EXCELLENT: 'Rất tốt', GOOD: 'Tốt', POOR: 'Yếu', BAD: 'Kém', VERY_BAD: 'Rất kém', UNKNOWN: 'Không rõ',
    'their-network': 'Mạng của {name}: {quality}', 'round-trip': 'Độ trễ', loss: 'Mất gói', incoming: 'Nhận', frames: 'Khung hình', 'per-second': '{count}/giây', pretend: 'Báo mạng', measured: 'như đo được',
    'quality-graph': 'Độ trễ và mất gói trong hai phút qua', 'no-history': 'Chưa có cuộc gọi nào.', more: 'Thêm', remove: 'Xóa khỏi lịch sử', 'missed-calls': '{count} cuộc gọi nhỡ',
    COMPLETED: 'Hoàn tất', MISSED: 'Nhỡ', REJECTED: 'Bị từ chối', CANCELLED: 'Đã hủy', INCOMING: 'Gọi đến', OUTGOING: 'Gọi đi',
    'total-calls': 'Cuộc gọi', 'total-time': 'Thời gian', 'average-time': 'Trung bình', period: 'Khoảng thời gian', day: 'Ngày', week: 'Tuần', month: 'Tháng', year: 'Năm', all: 'Tất cả',
    'for-developers': 'Cho lập trình viên', 'log-help': 'Mọi yêu cầu và thông điệp, đúng như ứng dụng gửi và nhận.', filter: 'Lọc', 'filter-hint': 'loại, mã, nội dung', 'hide-routine': 'Ẩn thông điệp định kỳ', clear: 'Xóa', everybody: 'Tất cả', who: 'Ai', 'nothing-logged': 'Chưa có gì.',
    sent: 'gửi', received: 'nhận', 'copy-curl': 'Sao chép curl', 'copy-json': 'Sao chép JSON', copied: 'Đã sao chép', answer: 'Trả lời', request: 'Yêu cầu', message: 'Thông điệp', 'copy-token': 'Sao chép token',
    'send-message': 'Gửi thông điệp', template: 'Mẫu', 'message-json': 'Thông điệp', send: 'Gửi', awkward: 'Trường hợp khó', 'awkward-help': 'Điều ứng dụng nhận được khi làm sai.',
    'accept-twice': 'Trả lời hai lần', 'end-after-end': 'Kết thúc sau khi đã kết thúc', malformed: 'JSON sai cú pháp', 'unknown-type': 'Loại không tồn tại', 'unknown-call': 'Cuộc gọi không tồn tại', 'call-oneself': 'Tự gọi cho mình', 'early-signal': 'Gửi tín hiệu khi không có cuộc gọi', 'empty-body': 'Bắt đầu gọi với nội dung rỗng', 'needs-a-call': 'Hãy có một cuộc gọi trước.', 'as-whom': 'Với tư cách',
    simulatedanswers: '{name} được mô phỏng và tự trả lời', newwindow: 'Mở {name} trong cửa sổ', shown: '{count} mục',
  },
};

class Language extends Store {
  code = localStorage.getItem('language') ?? (navigator.language.startsWith('vi') ? 'vi' : 'en');

  choose(code) {
    this.code = code;
    localStorage.setItem('language', code);
    document.documentElement.lang = code;
    this.changed();
  }
}

export const language = new Language();
document.documentElement.lang = language.code;

/** The languages by their own names. */
export const LANGUAGES = { en: 'English', vi: 'Tiếng Việt' };

/** The text named `key`, with what stands in braces filled in. */
export function t(key, values = {}) {
  const text = TEXTS[language.code][key] ?? TEXTS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** Seconds as 0:07 or 1:02:03. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, '0') : part)).join(':');
}

/** A time of day today, else a date with it. */
export function moment(instant) {
  const at = new Date(instant);
  const isToday = at.toDateString() === new Date().toDateString();
  const time = { hour: '2-digit', minute: '2-digit' };
  return at.toLocaleString(language.code, isToday ? time : { ...time, day: 'numeric', month: 'short' });
}
