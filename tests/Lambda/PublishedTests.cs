using System.Diagnostics;
using System.Text.Json.Nodes;
using Backup.Lambda.Events;
using Backup.Lambda.Hosting;
using Backup.Tests.Support;

namespace Backup.Lambda.Tests;

/// <summary>What goes into the image: the published executable against a Runtime API.</summary>
public sealed class PublishedTests(PostgresFixture postgres, CloudFixture cloud)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_published_executable_dumps_survives_poisoned_events_and_says_no_secret()
    {
        await using var source = await postgres.CreatePasswordDatabaseAsync("published");
        await Database.SqlAsync(source.Url, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS i");
        await using var deployed = await Deployment.MakeAsync(cloud, source.Url);
        var folder = Directory.CreateTempSubdirectory("backup-published-").FullName;
        try
        {
            await PublishAsync(folder);
            await using var api = new RuntimeApi();
            var environment = deployed.Variables.Concat(cloud.Variables).Concat(new Dictionary<string, string>
            {
                ["AWS_LAMBDA_RUNTIME_API"] = api.Address,
                ["AWS_LAMBDA_FUNCTION_NAME"] = "dump",
                ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = "512",
                [Settings.HandlerVariable] = "Dump",
            });
            await using var process = ChildProcess.Start(Path.Combine(folder, "Backup.Lambda.dll"), environment);

            var broken = await api.InvokeAsync("{\"database\": ");
            var misspelled = await api.InvokeAsync("""{"databse":"shop","kind":"manual"}""");
            var first = await api.InvokeAsync(Deployment.Scheduled());
            var second = await api.InvokeAsync(Deployment.Scheduled());

            Assert.True(process.IsAlive, process.Output + process.Error);
            Assert.Equal("error", broken.Kind);
            Assert.Equal(("response", "usage"), (misspelled.Kind, (string?)JsonNode.Parse(misspelled.Body)!["error"]!["code"]));
            Assert.Equal(("response", DumpResult.Committed), (first.Kind, (string?)JsonNode.Parse(first.Body)!["outcome"]));
            Assert.Equal(("response", DumpResult.NothingToDo), (second.Kind, (string?)JsonNode.Parse(second.Body)!["outcome"]));
            Assert.Single(await deployed.BackupsAsync());
            var said = process.Output + process.Error + broken.Body + misspelled.Body + first.Body + second.Body;
            Assert.Contains("\"message\":\"committed\"", said, StringComparison.Ordinal);
            Assert.DoesNotContain(PasswordServer.Password, said, StringComparison.Ordinal);
            Assert.DoesNotContain(Uri.EscapeDataString(PasswordServer.Password), said, StringComparison.Ordinal);
            Assert.DoesNotContain("hunter2", said, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The build that this test is part of, laid out as `dotnet publish` lays it out.
    private static async Task PublishAsync(string folder)
    {
        var configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var info = new ProcessStartInfo("dotnet",
            ["publish", Path.Combine(ContractTests.Root, "functions/Lambda"), "-c", configuration, "--no-build", "-o", folder, "-v", "q", "--nologo", "-nodeReuse:false"])
        {
            RedirectStandardOutput = true,
        };
        using var publish = Process.Start(info)!;
        var output = await publish.StandardOutput.ReadToEndAsync(Cancel);
        await publish.WaitForExitAsync(Cancel);
        Assert.True(publish.ExitCode == 0, output);
    }
}
