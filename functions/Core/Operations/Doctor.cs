using Backup.Core.Machine;
using Backup.Core.Model;
using Backup.Core.Policies;
using Backup.Core.Postgres;
using Backup.Core.Storage;

namespace Backup.Core.Operations;

public enum Health
{
    Good,

    /// <summary>Worth knowing; a run would succeed.</summary>
    Note,

    /// <summary>A run would fail.</summary>
    Bad,
}

/// <summary>One line of doctor.</summary>
public sealed record DoctorLine(Health Health, string Subject, string Sentence, string? NextStep = null);

/// <summary>Looks at everything that a run needs, without making one. Every check runs, whatever the others say.</summary>
public sealed class Doctor(MachineEnvironment machine, PostgresInstallations installations)
{
    private readonly List<DoctorLine> _lines = [];
    private readonly Toolbox _tools = new(machine);

    public async Task<IReadOnlyList<DoctorLine>> ExamineAsync(
        IReadOnlyList<(DatabasePolicy Database, ConnectionTarget Source)> databases, IVault? vault, string environment, bool gpg, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(databases);
        await TryAsync("zstd", async () => Good("zstd", await _tools.VersionAsync("zstd", cancel)));
        if (gpg) await TryAsync("gpg", async () => Good("gpg", await _tools.VersionAsync("gpg", cancel)));
        await TryAsync("postgresql", async () =>
        {
            var all = await installations.AllAsync(cancel);
            if (all.Count == 0) await installations.ForMajorAsync(0, cancel);
            Good("postgresql", $"client programs {string.Join(", ", all.Select(i => i.Version))}");
        });
        foreach (var (database, source) in databases) await DatabaseAsync(database, source, cancel);
        if (vault is not null) await TryAsync("vault", () => VaultAsync(vault, environment, databases.Count > 0 ? databases[0].Database.Name : "doctor", cancel));
        return _lines;
    }

    private async Task DatabaseAsync(DatabasePolicy database, ConnectionTarget source, CancellationToken cancel)
    {
        var name = database.Name;
        await TryAsync(name, async () =>
        {
            await using var session = await SnapshotSession.OpenAsync(source, $"backup doctor {machine.HostName}", cancel);
            var server = session.Server;
            Good(name, $"{source} answers: PostgreSQL {server.Version}, {Bytes.Text(server.DatabaseBytes)}, role {server.User}, a direct session{(server.IsStandby ? ", a standby" : "")}");
            if (!source.IsVerified)
                _lines.Add(new DoctorLine(Health.Note, name, "the connection does not verify the server's certificate", "Add sslmode=verify-full and sslrootcert to the URL."));
            await TryAsync(name, async () =>
            {
                var client = await installations.ForMajorAsync(server.Major, cancel);
                if (client.Major == server.Major) Good(name, $"pg_dump {client.Version} is of the server's major");
                else _lines.Add(new DoctorLine(Health.Note, name, $"pg_dump is {client.Version}, the server {server.Version}", $"Install the client of PostgreSQL {server.Major}."));
            });
            await TryAsync(name, async () =>
            {
                await session.UseAsync(async c =>
                {
                    await Preflight.CheckRightsAsync(c, server, database.ExcludeSchemas, cancel);
                    return 0;
                }, cancel);
                Good(name, $"role {server.User} can read every table, sequence and large object");
            });
            await TryAsync(name, async () =>
            {
                var tables = await session.UseAsync(c => TableList.ReadAsync(c, database.ExcludeSchemas, cancel), cancel);
                Preflight.CheckLockTable(server, tables.Count);
                var chunks = DumpPlan.Make(tables, server, database.ShardAbove, database.Jobs).Chunks.Count;
                Good(name, $"{tables.Count(t => t.HasRows)} tables, {chunks} chunks, room for the locks");
            });
        });
    }

    // One key per database that stays: a second probe meets it, which shows as well that the vault lets this role write.
    private async Task VaultAsync(IVault vault, string environment, string database, CancellationToken cancel)
    {
        var prefix = VaultKeys.DatabasePrefix(environment, Tier.Manual, database);
        try
        {
            await foreach (var _ in vault.ListAsync(prefix, cancel)) break;
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultMissing)
        {
            // A folder that the first run will make, or a bucket that is not there: the probe tells.
        }

        var probe = prefix + "doctor-probe";
        try
        {
            using var content = new MemoryStream("probe\n"u8.ToArray());
            await vault.PutAsync(probe, content, ObjectState.Pending, null, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultConflict)
        {
            // It is there from an earlier examination.
        }

        await using (var back = await vault.OpenAsync(probe, 0, cancel)) await back.CopyToAsync(Stream.Null, cancel);
        try
        {
            await vault.MarkAsync([probe], ObjectState.Expired, cancel);
        }
        catch (BackupException e) when (e.Code == ErrorCode.VaultDenied)
        {
            // Whoever may write need not be allowed to expire: the probe is pending, which lifecycle removes too.
        }

        Good("vault", $"{vault.Name} can be listed, written and read");
    }

    private void Good(string subject, string sentence) => _lines.Add(new DoctorLine(Health.Good, subject, sentence));

    private async Task TryAsync(string subject, Func<Task> check)
    {
        try
        {
            await check();
        }
        catch (BackupException e)
        {
            _lines.Add(new DoctorLine(Health.Bad, subject, e.Message, e.NextStep));
        }
    }
}
