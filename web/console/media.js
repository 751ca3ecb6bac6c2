// What a person sends: camera and microphone, or something drawn where there are none.

/** The picture that is drawn: small, and smooth enough to see that it moves. */
const WIDTH = 640;
const HEIGHT = 360;
const FRAMES = 20;

/** A stream for a call of that type. `drawn` asks for no camera at all. */
export async function capture(callType, name, { drawn = false } = {}) {
  const wanted = { audio: true, video: callType === 'VIDEO' && { width: { ideal: 1280 }, height: { ideal: 720 } } };
  if (!drawn && navigator.mediaDevices) {
    try {
      return { stream: await navigator.mediaDevices.getUserMedia(wanted), isDrawn: false };
    } catch {
      // No camera, or none that this page may use: the call goes on with a picture of our own.
    }
  }
  return { stream: draw(callType, name), isDrawn: true };
}

/** Ends a stream, and what draws it. */
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

/** A soft tone that comes and goes. */
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

/** The person's name on colours that drift, with a clock that shows that the picture is live. */
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

/** Hues that stand well beside each other, and beside the green and red that mean something. */
const HUES = [222, 262, 190, 318, 205, 285, 172, 240];

/** A hue for a name, always the same. */
export function hueOf(name) {
  let sum = 0;
  for (const letter of name) sum += letter.codePointAt(0);
  return HUES[sum % HUES.length];
}

/** The first letters of a name's first and last word. */
export function initialsOf(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...word][0] ?? '').join('').toUpperCase();
}
