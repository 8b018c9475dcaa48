using System.Net;
using Backup.Infra.Settings;
using Pulumi;
using Pulumi.Aws;
using Pulumi.Aws.Ec2;
using Pulumi.Aws.Ec2.Inputs;

namespace Backup.Infra.Components;

/// <summary>Where tasks run: subnets, a group that lets nothing in, and whether a task gets a public address.</summary>
public sealed record Place(Output<string> Subnets, Output<string> SecurityGroup, bool PublicIp);

/// <summary>
/// The smallest network in which a task reaches any provider: two public subnets with IPv4 and IPv6, a gateway, no NAT (33 USD a month and 4.5 cents per GB),
/// and the free way to S3. Nothing can come in.
/// </summary>
public sealed class Network : ComponentResource
{
    public Network(string name, Names names, NetworkSettings? given, ComponentResourceOptions? options = null) : base("backup:infra:Network", name, options)
    {
        ArgumentNullException.ThrowIfNull(names);
        Place = given is null
            ? Made(name, names)
            : new Place(Output.Create(string.Join(',', given.Subnets)), Output.Create(given.SecurityGroup), given.PublicIp);
        RegisterOutputs(new Dictionary<string, object?> { ["subnets"] = Place.Subnets, ["securityGroup"] = Place.SecurityGroup });
    }

    public Place Place { get; }

    private Place Made(string name, Names names)
    {
        var vpc = new Vpc($"{name}-vpc", new VpcArgs
        {
            CidrBlock = "10.77.0.0/24",
            AssignGeneratedIpv6CidrBlock = true,
            EnableDnsHostnames = true,
            EnableDnsSupport = true,
            Tags = { { "Name", names.Stem } },
        }, Options.Of(this));
        // The one that comes with the network lets its members talk to each other; nobody is to be a member.
        _ = new DefaultSecurityGroup($"{name}-default-group", new DefaultSecurityGroupArgs { VpcId = vpc.Id }, Options.Of(this));
        var gateway = new InternetGateway($"{name}-gateway", new InternetGatewayArgs { VpcId = vpc.Id }, Options.Of(this));
        var routes = new RouteTable($"{name}-routes", new RouteTableArgs
        {
            VpcId = vpc.Id,
            Routes =
            {
                new RouteTableRouteArgs { CidrBlock = "0.0.0.0/0", GatewayId = gateway.Id },
                new RouteTableRouteArgs { Ipv6CidrBlock = "::/0", GatewayId = gateway.Id },
            },
        }, Options.Of(this));
        var zones = GetAvailabilityZones.Invoke(new GetAvailabilityZonesInvokeArgs { State = "available" }, new InvokeOptions { Parent = this });
        var subnets = Enumerable.Range(0, 2).Select(i => Subnet(name, vpc, routes, zones, i)).ToList();
        var group = new SecurityGroup($"{name}-group", new SecurityGroupArgs
        {
            VpcId = vpc.Id,
            Description = "Tasks: out, never in",
            Egress =
            {
                new SecurityGroupEgressArgs { Protocol = "tcp", FromPort = 0, ToPort = 65535, CidrBlocks = "0.0.0.0/0", Ipv6CidrBlocks = "::/0" },
            },
        }, Options.Of(this));
        _ = new VpcEndpoint($"{name}-s3", new VpcEndpointArgs
        {
            VpcId = vpc.Id,
            ServiceName = $"com.amazonaws.{names.Region}.s3",
            VpcEndpointType = "Gateway",
            RouteTableIds = routes.Id,
        }, Options.Of(this));
        return new Place(Output.All(subnets.Select(s => s.Id)).Apply(ids => string.Join(',', ids)), group.Id, PublicIp: true);
    }

    private Subnet Subnet(string name, Vpc vpc, RouteTable routes, Output<GetAvailabilityZonesResult> zones, int i)
    {
        var subnet = new Subnet($"{name}-subnet-{i + 1}", new SubnetArgs
        {
            VpcId = vpc.Id,
            AvailabilityZone = zones.Apply(z => z.Names[i % z.Names.Length]),
            CidrBlock = $"10.77.0.{i * 128}/25",
            Ipv6CidrBlock = vpc.Ipv6CidrBlock.Apply(block => Slice(block, (byte)(i + 1))),
            AssignIpv6AddressOnCreation = true,
            MapPublicIpOnLaunch = false,
        }, Options.Of(this));
        _ = new RouteTableAssociation($"{name}-route-{i + 1}", new RouteTableAssociationArgs { SubnetId = subnet.Id, RouteTableId = routes.Id }, Options.Of(this));
        return subnet;
    }

    /// <summary>One /64 of the /56 that AWS gives a network.</summary>
    public static string Slice(string block, byte number)
    {
        ArgumentNullException.ThrowIfNull(block);
        var bytes = IPAddress.Parse(block.Split('/')[0]).GetAddressBytes();
        bytes[7] = number;
        return $"{new IPAddress(bytes)}/64";
    }
}
