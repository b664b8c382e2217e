const REGISTRY = `# Who owns what: Glance's own database, or an embedded one as here. Nothing that a live image needs is deleted, and an image is called
# deleted only when all of its data is provably gone.
registry:
  use: "@scrubber/registry-sql"
  with:
    url: sqlite:./scrubber-data/registry.sqlite

`;

/** What `scrubber init` writes. */
export function configTemplate(registry: boolean): string {
  return `# Scrubber's configuration. Check it: scrubber check. Every key: docs/configuration.md.
# Relative paths are relative to this file's folder. A secret does not belong here: write env:NAME or file:PATH in its place.

# What waits for deletion, in one directory.
queue:
  use: "@scrubber/queue-file"
  with:
    directory: ./scrubber-data

${registry ? REGISTRY : ""}# Where the data is. Nothing outside of what is named here is ever touched.
stores:
  - use: "@scrubber/store-fs"
    with:
      roots: [./images]
      marker: .scrubber-root       # stands in each root; without it, the root is taken for not mounted, and nothing there is deleted or called absent
#  - id: fast
#    use: "@scrubber/store-s3"     # npm install @scrubber/store-s3
#    with: { endpoint: "https://s3.example.com", region: eu-west-1, accessKeyId: "env:KEY_ID", secretAccessKey: "env:SECRET" }

scrub:
  delay: 24h                       # from the request to the deletion; until then it can be taken back
  wakeup: 300s                     # the longest that the daemon sleeps
  batch: 1000                      # entries taken at once
  maxAttempts: 10                  # counted failures after which an entry is set aside

# A durable line for each location: what became of it, and when. A key makes forgery visible: key: "env:RECEIPTS_KEY".
receipts:
  directory: ./scrubber-data/receipts
`;
}
