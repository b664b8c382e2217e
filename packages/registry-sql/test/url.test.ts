import { describe, expect, test } from "vitest";
import { describe as describeAddress, parseUrl } from "../src/url.ts";

describe("connection URLs", () => {
  test.each([
    ["sqlite:./registry.sqlite", "./registry.sqlite"],
    ["sqlite:registry.sqlite", "registry.sqlite"],
    ["sqlite:/var/lib/registry.sqlite", "/var/lib/registry.sqlite"],
    ["sqlite:///relative.sqlite", "relative.sqlite"],
    ["sqlite:////var/lib/glance.sqlite", "/var/lib/glance.sqlite"],
    ["sqlite://///var/lib/glance.sqlite", "/var/lib/glance.sqlite"],
    ["sqlite+pysqlite:////var/lib/glance.sqlite?timeout=5", "/var/lib/glance.sqlite"],
    ["sqlite:/odd/na?me %41.sqlite", "/odd/na?me %41.sqlite"],
  ])("%s is the file %s", (url, path) => {
    expect(parseUrl(url)).toEqual({ kind: "sqlite", path });
  });

  test.each([
    [
      "mysql+pymysql://glance:p%40ss@db.example.com:3307/glance?charset=utf8",
      { kind: "mysql", host: "db.example.com", port: 3307, user: "glance", password: "p@ss", database: "glance" },
    ],
    ["mysql://db/glance", { kind: "mysql", host: "db", port: 3306, database: "glance" }],
    [
      "mariadb://u:a/b:c@127.0.0.1/glance",
      { kind: "mysql", host: "127.0.0.1", port: 3306, user: "u", password: "a/b:c", database: "glance" },
    ],
    [
      "mysql://u@/glance?unix_socket=/run/mysqld/mysqld.sock",
      {
        kind: "mysql",
        host: "localhost",
        port: 3306,
        user: "u",
        socket: "/run/mysqld/mysqld.sock",
        database: "glance",
      },
    ],
    [
      "postgresql+psycopg2://u:100%25+1@[2001:db8::1]:5433/glance",
      { kind: "postgres", host: "2001:db8::1", port: 5433, user: "u", password: "100%+1", database: "glance" },
    ],
    [
      "postgres:///glance?host=/var/run/postgresql",
      { kind: "postgres", host: "/var/run/postgresql", port: 5432, socket: "/var/run/postgresql", database: "glance" },
    ],
    [
      "postgresql://h/d?sslmode=verify-full&sslrootcert=/ca.pem",
      {
        kind: "postgres",
        host: "h",
        port: 5432,
        database: "d",
        tls: { ca: "/ca.pem", verify: true, verifyHost: true },
      },
    ],
    [
      "mysql://h/d?ssl_ca=/ca.pem&ssl_verify_identity=true",
      { kind: "mysql", host: "h", port: 3306, database: "d", tls: { ca: "/ca.pem", verify: true, verifyHost: true } },
    ],
    [
      "mysql+pymysql://h/d?ssl_ca=/ca.pem&ssl_cert=/c.pem&ssl_key=/k.pem",
      {
        kind: "mysql",
        host: "h",
        port: 3306,
        database: "d",
        tls: { ca: "/ca.pem", cert: "/c.pem", key: "/k.pem", verify: true, verifyHost: false },
      },
    ],
  ])("%s is read whole", (url, address) => {
    expect(parseUrl(url)).toEqual(address);
  });

  test.each([
    ["sqlite:", "names no file"],
    ["sqlite://", "names no file"],
    ["sqlite::memory:", "names no file"],
    ["mysql://u:hunter2@h", "names no database"],
    ["oracle://u:hunter2@h/d", "is no connection URL"],
    ["glance", "is no connection URL"],
    ["postgres://u:hunter2@h/d?sslmode=strange", "sslmode"],
    ["mysql://u:hunter2@127.0.0.1/d?ssl_ca=/ca.pem&ssl_verify_identity=true", "by its address"],
    ["mysql://u:hunter2@[::1]/d?ssl_ca=/ca.pem&ssl_check_hostname=true", "by its address"],
  ])("%s is refused, and the password is not repeated", (url, reason) => {
    const problem = parseUrl(url);
    expect(problem).toEqual(expect.stringContaining(reason));
    expect(problem).not.toContain("hunter2");
  });

  test("what is said of an address holds neither user nor password", () => {
    for (const url of ["mysql://user1:hunter2@h:1/d", "postgres://user1:hunter2@[::1]/d", "sqlite:./x"]) {
      const address = parseUrl(url);
      if (typeof address === "string") throw new Error(address);
      expect(describeAddress(address)).not.toMatch(/user1|hunter2/);
    }
  });
});
