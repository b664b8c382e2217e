import { failsForEnvironment, promise, required, same } from "../promise.ts";
import {
  aborted,
  beforehand,
  calmly,
  content,
  existing,
  inspectAll,
  kinds,
  targetOf,
  type StoreCase,
} from "./store-case.ts";

export const lookingCases: readonly StoreCase[] = [
  {
    title: "inspecting tells what is there and what is not, in order, and changes nothing",
    async run(under) {
      const [a, b, c] = [await under.create("a", content()), under.locate("b"), await under.create("c", content())];
      for (let time = 0; time < 2; time++) {
        same(
          kinds(await inspectAll(under, [a, b, c])),
          ["present", "absent", "present"],
          "one presence each, in order",
        );
      }
      same(await existing(under, [a, b, c]), [true, false, true], "inspect changes nothing");
    },
  },
  {
    title: "inspecting tells the size",
    needs: ["bytes"],
    async run(under) {
      const [presence] = await inspectAll(under, [await under.create("object", content(1234))]);
      same(
        presence?.kind === "present" ? presence.bytes : undefined,
        1234,
        "supports.bytes: present says how many bytes",
      );
    },
  },
  {
    title: "inspecting tells the identity, and what it told can be recorded",
    needs: ["identity"],
    async run(under) {
      const location = await under.create("object", content());
      const identify = required(under.identify?.bind(under), "identify", "the store supports identity");
      const [presence] = await inspectAll(under, [location]);
      const identity = presence?.kind === "present" ? presence.identity : undefined;
      promise(identity !== undefined, "supports.identity: present tells the identity", presence);
      const known: Readonly<Record<string, unknown>> = { ...(await identify(location)) };
      for (const [property, value] of Object.entries(identity)) {
        if (known[property] === undefined) continue;
        same(value, known[property], `the identity's ${property} is what another client sees`);
      }
      const again = await inspectAll(under, [{ ...location, identity }]);
      same(kinds(again), ["present"], "an object of the identity that was told is the object that is meant");
    },
  },
  {
    title: "inspecting sees what deleting would: changed objects",
    needs: ["identity"],
    async run(under) {
      const location = await under.create("object", content());
      same(
        kinds(await inspectAll(under, [location], beforehand())),
        ["changed"],
        "what was written after requestedAt is changed, for inspect as for delete",
      );
      const identify = required(under.identify?.bind(under), "identify", "the store supports identity");
      const { versionId: _, ...identity } = await identify(location);
      await under.replace(location);
      same(
        kinds(await inspectAll(under, [{ ...location, identity }])),
        ["changed"],
        "what differs from the recorded identity is changed, for inspect as for delete",
      );
    },
  },
  {
    title: "inspecting sees what deleting would: holds",
    needs: ["holds"],
    async run(under) {
      const hold = required(under.hold?.bind(under), "hold", "the store supports holds");
      const location = await under.create("object", content());
      await hold(location);
      same(kinds(await inspectAll(under, [location])), ["held"], "what is held is held, for inspect as for delete");
    },
  },
  {
    title: "inspecting a broken backend is an error of the environment, and not an absence",
    async run(under) {
      const location = await under.create("object", content());
      const target = targetOf(under, location);
      const mend = await under.breakBackend();
      try {
        await failsForEnvironment(
          () => under.store.inspect([target], calmly()),
          "when the whole backend fails, inspect rejects with an error of the environment",
        );
      } finally {
        await mend();
      }
      same(kinds(await under.store.inspect([target], calmly())), ["present"], "it works when the backend is back");
    },
  },
  {
    title: "inspecting with an aborted call rejects, or answers for every target and says nothing untrue",
    async run(under) {
      const locations = [await under.create("a", content()), under.locate("b")];
      const targets = locations.map((location) => targetOf(under, location));
      const answers = await under.store.inspect(targets, aborted()).catch(() => undefined);
      if (answers === undefined) return;
      same(answers.length, 2, "an aborted call answers for every target; unknown for what is unanswered");
      const [there, missing] = kinds(answers);
      promise(there === "present" || there === "unknown", "of what is there: present, or unknown", answers);
      promise(missing === "absent" || missing === "unknown", "of what is not there: absent, or unknown", answers);
    },
  },
  {
    title: "a probe finds nothing wrong where nothing is, reading only and with an object of its own",
    async run({ store }) {
      for (const write of [false, true]) {
        const findings = await store.probe({ ...calmly(), write });
        promise(findings.length > 0, "a probe reports what it looked at", { write });
        const problems = findings.filter(({ level }) => level === "problem");
        same(problems, [], `a probe with write: ${write} finds no problem in a backend that works`);
      }
    },
  },
  {
    title: "a probe leaves nothing behind, and touches nothing that is there",
    hand: "count",
    async run(under) {
      const location = await under.create("object", content());
      const before = await under.count?.();
      await under.store.probe({ ...calmly(), write: false });
      same(await under.count?.(), before, "a probe that only reads writes nothing");
      await under.store.probe({ ...calmly(), write: true });
      same(await under.count?.(), before, "a probe that writes removes its object again");
      same(await under.exists(location), true, "a probe touches nothing that is there");
    },
  },
  {
    title: "a probe of a broken backend reports a problem with what to do, and does not throw",
    async run(under) {
      const mend = await under.breakBackend();
      try {
        for (const write of [false, true]) {
          const findings = await under.store.probe({ ...calmly(), write });
          const found = findings.find(({ level }) => level === "problem");
          promise(found !== undefined, `a probe with write: ${write} reports what it finds as a problem`, findings);
          promise((found.hint ?? "") !== "", "a problem comes with a hint what to do", found);
        }
      } finally {
        await mend();
      }
    },
  },
];
