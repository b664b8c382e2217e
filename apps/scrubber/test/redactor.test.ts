import { expect, test } from "vitest";
import { createRedactor } from "../src/redactor.ts";

test("a secret is masked wherever it stands, also where it was percent-encoded or quoted for JSON", () => {
  const redactor = createRedactor();
  redactor.add('pa"ss/word');
  expect(redactor.text('x pa"ss/word y')).toBe("x *** y");
  expect(redactor.text("x pa%22ss%2Fword y")).toBe("x *** y");
  expect(redactor.text(JSON.stringify({ a: 'pa"ss/word' }))).toBe('{"a":"***"}');
});

test("the password of a URL and the key of a connection string are secrets by themselves", () => {
  const redactor = createRedactor();
  redactor.add("postgres://scrubber:hunt%2Fer2@db/glance");
  redactor.add("DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5LWtleQ==;EndpointSuffix=x");
  expect(redactor.text("no password hunt/er2, or hunt%2Fer2")).toBe("no password ***, or ***");
  expect(redactor.text("key a2V5LWtleQ==")).toBe("key ***");
});

test("of two secrets of which one begins like the other, both are masked whole", () => {
  const redactor = createRedactor();
  redactor.add("canary");
  redactor.add("canary-long");
  expect(redactor.text("canary-long canary")).toBe("*** ***");
});

test("what a configuration keeps in the clear under a secret's name is a secret too", () => {
  const redactor = createRedactor();
  redactor.addFrom({
    region: "eu-west-1",
    secretAccessKey: "s3cr3t",
    keystone: { password: "p4ssword" },
    keys: ["0123456789abcdef"],
    url: "mysql://u:dbpass@h/d",
  });
  expect(redactor.text("eu-west-1 s3cr3t p4ssword 0123456789abcdef dbpass u@h")).toBe("eu-west-1 *** *** *** *** u@h");
});

test("in a value for JSON only texts change, not names, numbers and dates", () => {
  const redactor = createRedactor();
  redactor.add("deleted");
  const at = new Date(0);
  expect(redactor.value({ deleted: 3, list: ["deleted"], at, none: null })).toEqual({
    deleted: 3,
    list: ["***"],
    at,
    none: null,
  });
});
