import { EXIT } from "../exit-code.ts";
import { plural } from "../figures.ts";
import { examples, type CommandDefinition } from "./definition.ts";

export const importQueue: CommandDefinition = (program, start) => {
  program
    .command("import-queue")
    .summary("take over a scrubber_datadir of 2014's Glance")
    .description(
      "Takes a whole scrubber_datadir of OpenStack Glance (2014) into the queue, encrypted or not. The directory is not changed; doing it twice adds nothing.",
    )
    .argument("<directory>", "the scrubber_datadir")
    .addHelpText("after", examples(["scrubber import-queue /var/lib/glance/scrubber", "with its scrubber stopped"]))
    .action(async (directory: string, _options: object, command) => {
      const run = start(command);
      await using session = await run.open();
      const { importQueueDirectory } = await import("@scrubber/queue-file");
      const { output } = run;
      const summary = await importQueueDirectory(run.path(directory), session.scrubber, {
        cipher: session.loaded.checked.cipher,
        onProblem({ file, line, problem }) {
          output.note(
            `${output.noteStyle("yellow", `${file}${line === undefined ? "" : `, line ${line}`}:`)} ${problem}`,
          );
        },
      });
      const { files, added, present, setAside, problems } = summary;
      if (problems > 0 || setAside > 0) run.exitCode = EXIT.incomplete;
      await output.object(summary);
      const others = [
        ...(present > 0 ? [`${plural(present, "location")} waited already`] : []),
        ...(setAside > 0 ? [`${plural(setAside, "location")} had been set aside and stay so`] : []),
        ...(problems > 0 ? [`${plural(problems, "record")} could not be read`] : []),
      ];
      const rest = others.length > 0 ? ` ${others.join("; ")}.` : "";
      await output.line(`Imported ${plural(added, "location")} from ${plural(files, "file")}.${rest}`);
      await output.line("The directory was not changed; doing it again adds nothing.");
    });
};
