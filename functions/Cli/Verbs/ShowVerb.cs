using System.CommandLine;
using System.Globalization;
using Backup.Core.Catalog;
using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Storage;

namespace Backup.Cli.Verbs;

/// <summary>What <c>show --output json</c> prints.</summary>
/// <param name="Vault">Name of the vault.</param>
/// <param name="Prefix">Key prefix of everything that belongs to the backup.</param>
/// <param name="Locked">Every artifact has its full lock.</param>
/// <param name="Verified">The newest verify, absent when there was none.</param>
/// <param name="Fetch">The command that brings the files to this machine, for a restore by hand.</param>
/// <param name="Objects">State and lock of every object, in a vault that keeps them and shows them to this role.</param>
/// <param name="Manifest">As stored.</param>
public sealed record ShowReport(string Vault, string Prefix, bool Locked, bool? Verified, string Fetch, IReadOnlyList<ObjectFacts>? Objects, Manifest Manifest);

/// <summary><c>backup show ID</c>: one manifest, and the commands that restore it without this program.</summary>
public static class ShowVerb
{
    public static Command Create(VerbContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var o = context.Options;
        var which = new Argument<string>("which") { Description = "latest, an id, or a UTC time.", DefaultValueFactory = _ => "latest" };
        var byHand = new Option<bool>("--by-hand") { Description = "Only the shell commands that restore it with stock tools." };
        var audit = new Option<bool>("--audit") { Description = "Instead: who ran, verified, restored and pruned what, with the chain of evidence checked." };
        var command = new Command("show", "Show one backup and how to restore it by hand.") { which, o.Vault, o.Stack, o.Policy, o.Environment, o.Database, byHand, audit, o.Output };
        command.SetAction(async (parsed, cancel) =>
        {
            var place = Place.Of(context, parsed);
            await using var vault = place.OpenVault();
            if (parsed.GetValue(audit)) return await AuditView.ShowAsync(context, vault, place.Environment, place.Database, o.WantsJson(parsed), cancel);
            CatalogEntry entry;
            try
            {
                entry = await place.FindAsync(vault, parsed.GetRequiredValue(which), cancel);
            }
            catch (BackupException e) when (e.Code == ErrorCode.BackupNotFound)
            {
                if (await FindTombstoneAsync(place, vault, parsed.GetRequiredValue(which), cancel) is not { } tombstone) throw;
                if (o.WantsJson(parsed)) context.Terminal.Line(CliJson.Write(tombstone, CliJson.Printed.Tombstone));
                else Print(context.Terminal, tombstone);
                return ErrorCode.Done;
            }

            var manifest = entry.Manifest ?? throw ArtifactReader.Damaged(entry.Problem!);
            var fetch = Fetch(vault, entry);
            var after = place.PolicyOf(entry.Id.Database)?.AfterRestore;
            IReadOnlyList<string> commands = [fetch, .. manifest.RestoreByHand, .. after is null || manifest.Increment is not null ? [] : (string[])[RestoreByHand.Erase(after)]];
            if (parsed.GetValue(byHand)) foreach (var line in commands) context.Terminal.Line(line);
            else
            {
                var objects = await FactsAsync(vault, entry, manifest, cancel);
                if (o.WantsJson(parsed))
                    context.Terminal.Line(CliJson.Write(new ShowReport(vault.Name, entry.Prefix, entry.IsLocked, ListVerb.Verified(entry), fetch, objects, manifest), CliJson.Printed.ShowReport));
                else Print(context.Terminal, vault, entry, manifest, after, commands, objects);
            }

            return ErrorCode.Done;
        });
        return command;
    }

    /// <summary>Of an id that is no backup any more: when and why it expired.</summary>
    private static async Task<Tombstone?> FindTombstoneAsync(Place place, IVault vault, string which, CancellationToken cancel) =>
        BackupId.TryParse(which, out var id) ? await new BackupCatalog(vault).FindTombstoneAsync(place.Environment, id, cancel) : null;

    private static async Task<IReadOnlyList<ObjectFacts>?> FactsAsync(IVault vault, CatalogEntry entry, Manifest manifest, CancellationToken cancel)
    {
        if (vault is not IStateVault states) return null;
        try
        {
            return await states.FactsAsync([.. manifest.Artifacts.Select(a => a.Key), entry.Prefix + VaultKeys.ManifestName], cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultDenied || e.Code == ErrorCode.VaultMissing)
        {
            return null; // A role may read manifests without seeing tags and locks; verify is the one to speak of missing objects.
        }
    }

    /// <summary>Leaves the shell in the folder that the printed commands expect.</summary>
    public static string Fetch(IVault vault, CatalogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(vault);
        ArgumentNullException.ThrowIfNull(entry);
        if (!vault.Name.StartsWith("s3://", StringComparison.Ordinal)) return $"cd {RestoreByHand.Shell(Path.Combine(vault.Name, entry.Prefix))}";
        var root = vault.Name.Split('?')[0].TrimEnd('/');
        return $"mkdir -p {RestoreByHand.Shell(entry.Id.ToString())} && cd {RestoreByHand.Shell(entry.Id.ToString())} && aws s3 cp --recursive {RestoreByHand.Shell($"{root}/{entry.Prefix}")} .";
    }

    private static void Print(Terminal t, Tombstone tombstone)
    {
        t.Line($"{tombstone.Id} has expired: {tombstone.Reason}");
        t.Line($"at {UtcText.Seconds(tombstone.At)} by {tombstone.Operator}; that plan kept {tombstone.Plan.Kept} backups and ended {tombstone.Plan.Expired}, of {tombstone.Keys.Count} objects here");
        t.Line("where the bucket keeps versions, they can be brought back until lifecycle has removed the noncurrent ones");
    }

    /// <summary>For example <c>12 objects: 12 committed, 12 governance until 2027-03-04</c>.</summary>
    private static string? Describe(IReadOnlyList<ObjectFacts>? objects) => objects is null ? null : $"{objects.Count}: " + string.Join(", ",
        objects.GroupBy(f => f.State is { } state ? Words.Of(state) : "without state").Select(g => $"{g.Count()} {g.Key}")
            .Concat(objects.GroupBy(f => f.Lock is { } l ? $"{Words.Of(l.Mode)} until {l.Until.UtcDateTime:yyyy-MM-dd}" : "not locked").Select(g => $"{g.Count()} {g.Key}")));

    private static void Print(Terminal t, IVault vault, CatalogEntry entry, Manifest m, string? after, IReadOnlyList<string> commands, IReadOnlyList<ObjectFacts>? objects)
    {
        var s = m.Snapshot;
        void Field(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value)) t.Line($"{name,-14}{value}");
        }

        Field("id", m.Id);
        Field("vault", $"{vault.Name} ({entry.Prefix})");
        Field("made", $"{UtcText.Seconds(m.StartedAt)} to {UtcText.Seconds(m.FinishedAt)} by {m.Operator}, kind {Words.Of(m.Kind)}, tier {Words.Of(m.Tier)}");
        Field("deployment", m.Deployment is { } d ? $"{d.Commit} {d.Ref}".Trim() : null);
        Field("source", $"{m.Source.Host}:{m.Source.Port}/{m.Source.Database}, PostgreSQL {s.ServerVersion}, {Bytes.Text(s.DatabaseBytes)} on disk, {s.Encoding}, {s.Collation}");
        Field("snapshot", $"{UtcText.Seconds(s.Time)}, LSN {s.Lsn}");
        Field("content", string.Create(CultureInfo.InvariantCulture, $"{m.Totals.Tables} tables, {m.Totals.Rows:N0} rows, {s.Sequences.Count} sequences, {m.Artifacts.Count} objects"));
        if (m.Increment is { } i)
        {
            Field("increment", $"number {i.Number} of {i.Base}; restored together with it");
            foreach (var table in i.Tables) Field("table", $"{table.Table}: {(table.Mode == IncrementMode.Full ? "all rows" : $"rows since {table.Since}, without deletions")}{(table.Why is { } why ? $" ({why})" : "")}");
        }

        Field("size", $"{Bytes.Text(m.Totals.RawBytes)} raw, {Bytes.Text(m.Totals.StoredBytes)} stored, {string.Join(" + ", m.Artifacts[0].Filters)}");
        Field("schemas", s.Schemas is { } schemas ? string.Join(", ", schemas.Select(x => x.Name)) : null);
        Field("extensions", string.Join(", ", s.Extensions.Select(e => $"{e.Name} {e.Version}")));
        Field("roles", string.Join(", ", s.Roles));
        Field("expires", m.ExpiresAt is { } e ? UtcText.Seconds(e) : "never by itself");
        Field("lock", m.Lock is { } l ? $"{Words.Of(l.Mode)} until {UtcText.Seconds(l.Until)}, {(entry.IsLocked ? "in place" : "NOT complete: the next run repairs it")}" : "none");
        Field("objects", Describe(objects));
        Field("verified", ListVerb.Verified(entry) switch { true => "passed", false => "FAILED", null => "never" });
        Field("after restore", after is not null ? $"{after}, of the policy" : m.AfterRestore is { } name ? $"{name}, of the policy: a restore wants it (--policy, --stack or --after-restore FILE)" : null);
        Field("without rows", string.Join(", ", s.WithoutRows));
        foreach (var finding in m.Findings) Field("finding", $"{Words.Of(finding.Severity)}: {finding.Sentence} → {finding.NextStep}");
        t.Line("");
        t.Line("restore         backup restore " + m.Id + " --vault " + RestoreByHand.Shell(vault.Name) + " --target URL --create");
        t.Line("without this program, in bash:");
        t.Line("");
        foreach (var line in commands) t.Line("  " + line);
    }
}
