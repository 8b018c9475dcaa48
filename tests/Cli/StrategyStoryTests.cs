using System.Text.Json;
using Backup.Core.Policies;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>The policies of examples/, each over a database of its domain (Strategies/*.sql), from the first run to the drill that finds what was lost.</summary>
public sealed class StrategyStoryTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly CommandFolder _folder = new(postgres, "strategy");
    private readonly string _root = CommandFolder.Root();
    private TestDatabase _source = null!;
    private GpgKeys? _keys;

    public async ValueTask InitializeAsync() => _source = await postgres.CreatePasswordDatabaseAsync("strategy");

    public async ValueTask DisposeAsync()
    {
        if (_keys is not null) await _keys.DisposeAsync();
        await _source.DisposeAsync();
        _folder.Dispose();
    }

    /// <param name="strategy">Its policy, and its seed.</param>
    /// <param name="tier">Of the first scheduled backup: the highest that the policy keeps.</param>
    /// <param name="work">What the application does after the backup; null where the strategy has no increments.</param>
    /// <param name="seen">True in a restore only when that came with it.</param>
    /// <param name="accident">What must not pass the next drill.</param>
    /// <param name="check">The policy's own question that sees it.</param>
    [Theory]
    [InlineData("streamflow", "weekly", "INSERT INTO watch_history (profile_id, title_id, seconds, created_at) VALUES (md5('7')::uuid, 7, 77, now())",
        "SELECT count(*) = 1 FROM watch_history WHERE seconds = 77 AND created_at > now() - interval '1 minute'", "DELETE FROM profiles WHERE id = md5('7')::uuid", "no history without profile")]
    [InlineData("bloom", "monthly", "UPDATE bookings SET state = 'cancelled', updated_at = now() WHERE id = md5('1')::uuid", "SELECT state = 'cancelled' FROM bookings WHERE id = md5('1')::uuid",
        "DELETE FROM bookings WHERE created_at > now() - interval '3 days'", "bookings are fresh")]
    [InlineData("lealta", "daily", null, null, "UPDATE loyalty_cards SET points = points - 600", "points never negative")]
    [InlineData("inventario", "monthly", null, null, "DELETE FROM locations WHERE id = 3", "assets have a place")]
    [InlineData("autorenta", "annual", "WITH t AS (INSERT INTO wallet_transactions (amount, created_at) VALUES (-5, now()) RETURNING id) INSERT INTO wallet_ledger (transaction_id, balance, ts) SELECT id, 95, now() FROM t",
        "SELECT count(*) = 1 FROM wallet_ledger l JOIN wallet_transactions t ON t.id = l.transaction_id WHERE l.balance = 95 AND t.amount = -5", "DELETE FROM wallet_ledger WHERE ts > now() - interval '2 days'", "the ledger is fresh")]
    public async Task A_strategy_runs_from_the_first_backup_to_the_drill_that_sees_the_accident(string strategy, string tier, string? work, string? seen, string accident, string check)
    {
        var file = await PolicyAsync(strategy);
        var policy = PolicyReader.ReadFileOrThrow(file).Databases[0];
        await Database.SqlAsync(_source.Url, await File.ReadAllTextAsync(Path.Combine(_root, "tests", "Cli", "Strategies", $"{strategy}.sql"), TestContext.Current.CancellationToken));
        _folder.Variables["DATABASE_URL"] = _source.Url;
        string[] place = ["--policy", file, "--vault", "v"];
        string[] source = ["--source", "${DATABASE_URL}", .. place];

        var output = await RunAsync(0, ["run", "--kind", "scheduled", "--output", "json", .. source]);
        Assert.Equal(tier, JsonDocument.Parse(output).RootElement.GetProperty("backups")[0].GetProperty("tier").GetString());
        if (work is not null)
        {
            await Database.SqlAsync(_source.Url, work);
            output = await RunAsync(0, ["incremental", "--output", "json", .. source]);
            var tables = JsonDocument.Parse(output).RootElement.GetProperty("increments")[0].GetProperty("tables").EnumerateArray();
            Assert.Equal(policy.CriticalTables.Select(t => t.Name.Name), tables.Select(t => t.GetProperty("table").GetProperty("name").GetString()));
            _folder.Variables["TARGET"] = (await postgres.PasswordServerAsync()).Url($"{_source.Name}_restored");
            await RunAsync(0, ["restore", "latest", "--target", "${TARGET}", "--create", .. place]);
            Assert.True(await Database.ScalarAsync<bool>(_folder.Variables["TARGET"], seen!));
            if (policy.AfterRestore is not null)
            {
                const string Erased = "SELECT count(*) FROM bookings WHERE user_id IN (107, 233)";
                Assert.Equal((13L, 0L), (await Database.ScalarAsync<long>(_source.Url, Erased), await Database.ScalarAsync<long>(_folder.Variables["TARGET"], Erased)));
            }

            Assert.Equal(0L, await Database.ScalarAsync<long>(_folder.Variables["TARGET"], "SELECT count(*) FROM pg_namespace WHERE nspname IN ('realtime', 'supabase_functions')"));
        }

        output = await RunAsync(0, ["drill", .. place]);
        Assert.Contains($"{policy.Checks.Count} of {policy.Checks.Count} checks passed", output, StringComparison.Ordinal);
        Assert.Equal(policy.AfterRestore is not null, output.Contains($"{strategy}-erasures.sql was applied: 2 statements", StringComparison.Ordinal));

        await Database.SqlAsync(_source.Url, accident);
        await RunAsync(0, ["run", "--kind", "scheduled", .. source]);
        output = await RunAsync(3, ["drill", .. place]);
        Assert.Contains($"FAILED: {check}: ", output, StringComparison.Ordinal);
        Assert.Contains($"{policy.Checks.Count - 1} of {policy.Checks.Count} checks passed", output, StringComparison.Ordinal);

        output = await RunAsync(4, ["watch", .. place]);
        Assert.Contains("critical [drill.failed]", output, StringComparison.Ordinal);
        output = await RunAsync(0, ["prune", "--dry-run", .. place]);
        Assert.Contains($"{strategy}: would expire 0 of ", output, StringComparison.Ordinal);
    }

    /// <summary>The example, with keys of this test in the place of those that nobody has.</summary>
    private async Task<string> PolicyAsync(string strategy)
    {
        var file = Path.Combine(_root, "examples", $"{strategy}.yaml");
        var policy = PolicyReader.ReadFileOrThrow(file);
        var recipients = policy.Encryption.GpgRecipients;
        if (recipients.Count == 0) return file;
        _keys = await GpgKeys.MakeAsync(postgres.Machine, TestContext.Current.CancellationToken);
        _folder.Variables["GNUPGHOME"] = _keys.Machine["GNUPGHOME"]!;
        var copy = Path.Combine(_folder.Path, Path.GetFileName(file));
        File.Copy(file, copy);
        foreach (var sql in policy.Databases.Select(d => d.AfterRestore).OfType<string>()) File.Copy(sql, Path.Combine(_folder.Path, Path.GetFileName(sql)));
        foreach (var recipient in recipients)
        {
            var path = Path.Combine(_folder.Path, Path.GetRelativePath(Path.GetDirectoryName(file)!, recipient));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(_keys.PublicKeyFile, path);
        }

        return copy;
    }

    private async Task<string> RunAsync(int expected, string[] arguments)
    {
        var (exit, output, error) = await _folder.RunAsync(arguments);
        Assert.True(exit == expected, $"exit code {exit} of {arguments[0]}: {output}{error}");
        return output;
    }
}
