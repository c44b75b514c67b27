// Every import of the contract from JavaScript in QuickJS, by hand: `/js/NAME` uses one, and
// says what it gave. What is awaited comes as a future.

import { Folder } from "patchboard:handler/blob-futures@0.2.0";
import * as call from "patchboard:handler/call-futures@0.2.0";
import { Bucket } from "patchboard:handler/key-value-futures@0.2.0";
import { send } from "patchboard:handler/outbound-futures@0.2.0";
import { currentRoute, urlFor } from "patchboard:handler/routing@0.2.0";
import { Database } from "patchboard:handler/sql-futures@0.2.0";
import { sleep } from "patchboard:handler/time-futures@0.2.0";

const NO_FIELDS = { text: new Uint8Array(), ends: new Uint32Array() };
const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (bytes) => String.fromCharCode(...bytes);
const come = async (future) => {
  const result = await future.read();
  if (result && result.tag === "err") throw result.val;
  return result && result.tag === "ok" ? result.val : result;
};

const USES = {
  async "key-value"() {
    const bucket = Bucket.open("default");
    await come(bucket.set("a", bytes("1")));
    const total = await come(bucket.increment("a", 41));
    const value = await come(bucket.get("a"));
    return `${total} ${text(value)}`;
  },
  async sql() {
    const database = Database.open("notes");
    await come(database.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER, text TEXT)", []));
    const transaction = await come(database.begin());
    const values = [{ tag: "integer", val: 7 }, { tag: "text", val: "seven" }];
    const changed = await come(transaction.execute("INSERT INTO notes VALUES ($1, $2)", values));
    await come(transaction.commit());
    const result = await come(database.query("SELECT text FROM notes WHERE id = $1", [values[0]]));
    return `${changed} ${result.columns[0]} ${result.rows[0][0].val}`;
  },
  async blob() {
    const folder = Folder.open("files");
    try {
      await come(folder.get("b.txt", undefined));
      return "found";
    } catch (error) {
      return error.tag.replace("-", " ");
    }
  },
  async outbound() {
    const timeouts = {};
    const body = { tag: "full", val: bytes("there and back") };
    const sent = { method: { tag: "post" }, url: "http://self/js/echo", headers: NO_FIELDS, body, timeouts };
    const answer = await come(send(sent));
    return `${answer.status} ${text(answer.body.val)}`;
  },
  async time() {
    const before = Date.now();
    await come(sleep(20_000_000));
    return `${Date.now() - before >= 19}`;
  },
  async routing() {
    return `${currentRoute().name} ${urlFor("/js/{what}", [["what", "x"]], [])}`;
  },
  async task() {
    const task = call.Task.start("an example");
    task.fail("it is only one");
    return "begun";
  },
  async echo(request) {
    return text(request.body.val);
  },
  async leave() {
    const reason = await come(call.over());
    call.Task.start("leaving").fail(`left: ${reason}`);
    return String(reason);
  },
};

export const handler = {
  async handle(request) {
    const what = new Map(request.route.parameters).get("what");
    let [status, said] = [200, ""];
    try {
      said = await USES[what](request);
    } catch (error) {
      [status, said] = [500, `${error} ${JSON.stringify(error, (_, v) => (typeof v === "bigint" ? `${v}` : v))}`];
    }
    return { status, headers: NO_FIELDS, body: { tag: "full", val: bytes(said) } };
  },
};
