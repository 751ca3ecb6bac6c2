// Local media: camera and microphone, or a drawn picture with a tone.

/** Size and frame rate of the drawn picture. */
const WIDTH = 640;
const HEIGHT = 360;
const FRAMES = 20;

/** Returns a stream for a call type. `drawn` skips the camera. */
export async function capture(callType, name, { drawn = false } = {}) {
  const wanted = { audio: true, video: callType === 'VIDEO' && { width: { ideal: 1280 }, height: { ideal: 720 } } };
  if (!drawn && navigator.mediaDevices) {
    try {
      return { stream: await navigator.mediaDevices.getUserMedia(wanted), isDrawn: false };
    } catch {
      // No camera, or no permission: use a drawn picture.
    }
  }
  return { stream: draw(callType, name), isDrawn: true };
}

/** Stops a stream and its drawing. */
export function release(stream) {
  for (const track of stream?.getTracks() ?? []) {
    track.stop();
    track.drawn?.();
  }
}

function draw(callType, name) {
  const stream = new MediaStream([hum()]);
  if (callType === 'VIDEO') stream.addTrack(picture(name));
  return stream;
}

/** Returns a soft, pulsing tone. */
function hum() {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 220 });
  const level = new GainNode(context, { gain: 0.02 });
  const swell = new OscillatorNode(context, { frequency: 0.5 });
  const out = context.createMediaStreamDestination();
  swell.connect(new GainNode(context, { gain: 0.02 })).connect(level.gain);
  tone.connect(level).connect(out);
  tone.start();
  swell.start();
  const [track] = out.stream.getAudioTracks();
  track.drawn = () => context.close();
  return track;
}

/** Draws the user's name on moving colours, with a clock that shows that the picture is live. */
function picture(name) {
  const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext('2d');
  const hue = hueOf(name);
  const paint = () => {
    const now = Date.now() / 1000;
    const sky = pen.createLinearGradient(0, 0, WIDTH, HEIGHT);
    sky.addColorStop(0, `hsl(${hue + 20 * Math.sin(now / 3)} 55% 42%)`);
    sky.addColorStop(1, `hsl(${hue + 60 + 20 * Math.cos(now / 4)} 60% 26%)`);
    pen.fillStyle = sky;
    pen.fillRect(0, 0, WIDTH, HEIGHT);
    for (let ring = 0; ring < 3; ring++) {
      const spread = (now / 2.5 + ring / 3) % 1;
      pen.strokeStyle = `rgb(255 255 255 / ${0.28 * (1 - spread)})`;
      pen.lineWidth = 3;
      pen.beginPath();
      pen.arc(WIDTH / 2, HEIGHT / 2 - 16, 70 + 130 * spread, 0, 2 * Math.PI);
      pen.stroke();
    }
    pen.fillStyle = 'rgb(255 255 255 / 0.95)';
    pen.textAlign = 'center';
    pen.font = '600 84px system-ui, sans-serif';
    pen.fillText(initialsOf(name), WIDTH / 2, HEIGHT / 2 + 8);
    pen.font = '500 20px system-ui, sans-serif';
    pen.fillText(new Date().toLocaleTimeString(), WIDTH / 2, HEIGHT / 2 + 48);
  };
  paint();
  const timer = setInterval(paint, 1000 / FRAMES);
  const [track] = canvas.captureStream(FRAMES).getVideoTracks();
  track.drawn = () => clearInterval(timer);
  return track;
}

/** Hues that differ from each other and from the green and red of the buttons. */
const HUES = [222, 262, 190, 318, 205, 285, 172, 240];

/** Returns the hue of a name. */
export function hueOf(name) {
  let sum = 0;
  for (const letter of name) sum += letter.codePointAt(0);
  return HUES[sum % HUES.length];
}

/** Returns the initials of a name. */
export function initialsOf(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...word][0] ?? '').join('').toUpperCase();
}
