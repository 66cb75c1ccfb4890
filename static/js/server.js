/* The phone's questions to our server, and why something did not work. */

export class PhoneError extends Error {
  constructor(code, message, status) {
    super(message || String(code));
    this.code = code;
    this.status = status;
  }
}

/** `fetch` brings the token against forgery along (csrf.js). */
export function createServer({ fetch }) {
  /** The answer as JSON. Throws PhoneError with the API's code, `http_…`, or `network`. */
  async function post(path, body) {
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(body),
      });
    } catch (error) {
      throw new PhoneError("network", error.message);
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    const { code, message } = answer.error ?? {};
    throw new PhoneError(code ?? `http_${response.status}`, message, response.status);
  }

  const tell = (path, fields, options) => fetch(path, {
    method: "POST",
    credentials: "same-origin",
    body: new URLSearchParams(fields),
    ...options,
  });

  /** Says that the agent has pressed End; if nobody hears it, the server notices by itself. */
  const askEnd = (request) => tell("/calls/end", { request }, { keepalive: true }).catch(() => {});

  /** Says that the sound of a call was lost `ago` ms ago, for the `number`th time; whether it arrived. */
  const sayLost = (request, number, ago) =>
    tell("/calls/sound-lost", { request, number, ago }).then(({ status }) => status < 500, () => false);

  /** The digits that this page is to send into a call now, "" when another has sent them. */
  async function askExtension(request) {
    const response = await tell("/calls/extension", { request });
    if (!response.ok) throw new PhoneError(`http_${response.status}`);
    return (await response.json()).digits;
  }

  return { post, askEnd, sayLost, askExtension };
}
